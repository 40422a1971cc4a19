"""What two texts have in common, by Myers' greedy algorithm: lines first, and words where lines differ."""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

MOST_EDITS = 300  # of one comparison; texts further apart have nothing in common worth showing
KEPT, REMOVED, ADDED = "kept", "removed", "added"
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


class Piece(NamedTuple):
    """A text that is in both, in the first only, or in the second only."""

    kind: str
    text: str


def word_differences(before: str, after: str) -> list[Piece]:
    """Return the pieces of which the texts are made, those in both once; lets others run in between."""
    pieces: list[Piece] = []
    lines = differences(before.splitlines(keepends=True), after.splitlines(keepends=True))
    for changed, group in _in_groups(lines):
        pieces += _by_words(group) if changed else group
    return _joined(_without_gaps(_joined(pieces)))


def _by_words(lines: Sequence[Piece]) -> list[Piece]:
    removed, added = ("".join(text for kind, text in lines if kind == each) for each in (REMOVED, ADDED))
    return differences(_WORDS.findall(removed), _WORDS.findall(added))


def _without_gaps(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the pieces, a space between two changes as a change: words that follow one another are read as one."""
    for place, piece in enumerate(pieces):
        if piece.kind == KEPT and piece.text.isspace() and 0 < place < len(pieces) - 1:
            yield from (Piece(REMOVED, piece.text), Piece(ADDED, piece.text))
        else:
            yield piece


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Return the pieces with neighbours of a kind as one, and of each change what is removed before what is added."""
    found: list[Piece] = []
    for changed, group in _in_groups(pieces):
        mine = sorted(group, key=itemgetter(0), reverse=True) if changed else group
        found += [Piece(kind, "".join(text for _, text in some)) for kind, some in groupby(mine, key=itemgetter(0))]
    return found


def _in_groups(pieces: Iterable[Piece]) -> Iterator[tuple[bool, list[Piece]]]:
    """Yield neighbours that are all changes, or all kept, and whether they are changes."""
    for changed, group in groupby(pieces, key=lambda piece: piece.kind != KEPT):
        yield changed, list(group)


def differences(before: Sequence[str], after: Sequence[str]) -> list[Piece]:
    """Return what is kept, removed and added; all between the ends removed and added if it differs too much."""
    start, end = _common_ends(before, after)
    middle = _edits(before[start : len(before) - end], after[start : len(after) - end])
    ends = [Piece(KEPT, "".join(each)) for each in (before[:start], before[len(before) - end :])]
    return [each for each in (ends[0], *middle, ends[1]) if each.text]


def _common_ends(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """Return how many tokens both begin with, and how many of the rest both end with."""
    shorter = min(len(before), len(after))
    start = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    rest = shorter - start
    return start, next((place for place in range(rest) if before[-1 - place] != after[-1 - place]), rest)


def _edits(before: Sequence[str], after: Sequence[str]) -> list[Piece]:
    reached = _reached(before, after)
    if reached is None:
        return [Piece(REMOVED, "".join(before)), Piece(ADDED, "".join(after))]
    return list(_traced(before, after, reached))[::-1]


def _reached(before: Sequence[str], after: Sequence[str]) -> list[dict[int, int]] | None:
    """Return how far into `before` each number of edits gets on each diagonal; None if it takes too many edits."""
    found: list[dict[int, int]] = []
    last = {1: 0}
    for edits in range(min(MOST_EDITS, len(before) + len(after)) + 1):
        time.sleep(0)  # for all others of this process
        here: dict[int, int] = {}
        for diagonal in range(-edits, edits + 1, 2):
            x = last[diagonal + 1] if _adds(last, diagonal, edits) else last[diagonal - 1] + 1
            while x < len(before) and 0 <= x - diagonal < len(after) and before[x] == after[x - diagonal]:
                x += 1
            here[diagonal] = x
            if x >= len(before) and x - diagonal >= len(after):
                return [*found, here]
        found.append(here)
        last = here
    return None


def _adds(last: dict[int, int], diagonal: int, edits: int) -> bool:
    """Say whether a diagonal is best reached by adding a token, and not by removing one."""
    return diagonal == -edits or (diagonal != edits and last[diagonal - 1] < last[diagonal + 1])


def _traced(before: Sequence[str], after: Sequence[str], reached: Sequence[dict[int, int]]) -> Iterator[Piece]:
    """Yield the tokens from the last to the first."""
    x, y = len(before), len(after)
    for edits in range(len(reached) - 1, 0, -1):
        adds = _adds(reached[edits - 1], x - y, edits)
        there = x - y + (1 if adds else -1)
        from_x = reached[edits - 1][there]
        while x > from_x + (not adds):
            x, y = x - 1, y - 1
            yield Piece(KEPT, before[x])
        if adds:
            y -= 1
            yield Piece(ADDED, after[y])
        else:
            x -= 1
            yield Piece(REMOVED, before[x])
    yield from (Piece(KEPT, each) for each in reversed(before[:x]))
