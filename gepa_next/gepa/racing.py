"""Racing: proposals run on the deciding examples block by block, and only the one furthest ahead goes on."""

from collections.abc import Sequence
from typing import Protocol

from gepa_next.gepa.acceptance import MARGIN, Comparison
from gepa_next.gepa.sampling import stream
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Example

FIRST_BLOCK = 4
SMALLEST_BLOCK = 2  # where few examples decide, half of them are the first block
FIRST_SHARE = 0.15
STEP = 2  # so many times the examples after each block


class Racer(Protocol):
    """What a race asks of a proposal, and what it writes to it."""

    reason: str | None
    comparison: Comparison | None


def course(state: State, *, place: int) -> tuple[Example, ...]:
    """Return the examples on which the proposal of this place meets its parent, in the order of its race."""
    examples = list(state.deciding)
    stream(state, "race", place).shuffle(examples)
    return tuple(examples)


def block_ends(count: int) -> list[int]:
    """Return after how many examples each block of a race ends; the last is all of them."""
    half = max(SMALLEST_BLOCK, count // 2)
    first = end = max(min(FIRST_BLOCK, half), int(FIRST_SHARE * count))
    ends = []
    while end + first <= count:
        ends.append(end)
        end *= STEP
    return [*ends, count]


def most_rollouts(count: int, racers: int) -> int:
    """Return how many rollouts a race of so many proposals on so many examples takes at most."""
    return (racers - 1) * block_ends(count)[0] + count


def drop_those_behind(racers: Sequence[Racer]) -> None:
    """Reject who cannot be compared or is behind its parent, and of the others all but the one furthest ahead."""
    left = []
    for each in racers:
        if each.comparison is None:
            each.reason = "not_comparable"
        elif each.comparison.difference < -MARGIN:
            each.reason = "behind"
        else:
            left.append((each.comparison.difference, each))
    for _, each in sorted(left, key=lambda pair: pair[0], reverse=True)[1:]:
        each.reason = "outrun"
