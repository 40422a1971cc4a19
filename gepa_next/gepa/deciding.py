"""Which examples decide between candidates: few at first, more as better prompts get harder to tell apart."""

FIRST = 8
FIRST_SHARE = 0.2
GROWTH = 1.1  # by each iteration without a new leader


def how_many_decide(count: int, *, growths: int) -> int:
    """Return how many of so many examples decide after so many iterations that brought no new leader."""
    size = max(FIRST, FIRST_SHARE * count)
    for _ in range(growths):
        if size >= count:
            break
        size *= GROWTH
    return min(count, int(size))


def growths_until(count: int, deciding: int) -> int:
    """Return after how many such iterations that many of the examples decide."""
    growths = 0
    while how_many_decide(count, growths=growths) < min(count, deciding):
        growths += 1
    return growths
