"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def section(title: str, *parts: str) -> str:
    """Return a heading with what belongs under it."""
    return "\n\n".join([title, *parts])


def shown_chance(chance: float) -> str:
    """Return a p value in digits that mean something."""
    return f"{chance:.3f}" if chance >= 0.001 else "< 0.001"
