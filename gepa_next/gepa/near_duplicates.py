"""Examples whose inputs are nearly the same: none may be learned from when another is to test what was learned."""

import re
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from math import ceil
from typing import TypeAlias
from zlib import crc32

from gepa_next.gepa.pause import paced, pause
from gepa_next.gepa.types import Example

ALIKE = 0.7  # of all runs of three words in two inputs are in both
FAMILY = 4  # examples, or a tenth of all: what more of them have in common is a template, and no sign of a copy
FAMILY_SHARE = 10
LEADS = 10  # the examples that one run of words leads to, so that time does not grow faster than their number
_AT_ONCE = 5000  # words, of some six characters each
_MANY = 100  # comparisons
_BUCKETS = 1 << 22
_HASH = (1 << 32) - 1
_ROOM = 64  # buckets for each run, so that few share one
# Scripts without spaces between words give a word for each character: Thai, kana, Han.
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W_\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")

Runs: TypeAlias = "array[int]"  # hashes of runs of three words, each once


class _Groups:
    """Which numbers belong together, directly or by way of others."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def root(self, number: int) -> int:
        while self._above[number] != number:
            self._above[number] = number = self._above[self._above[number]]
        return number

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self._above[high] = low

    def found(self) -> Iterable[list[int]]:
        members = defaultdict(list)
        for number in range(len(self._above)):
            members[self.root(number)].append(number)
        return members.values()


def near_duplicates(examples: Sequence[Example]) -> tuple[tuple[str, ...], ...]:
    """Return the ids of examples that belong together, in groups of two and more; their order makes no difference.

    Inputs are nearly the same if they differ in case, white space and punctuation only, or if 70 % of the runs of three
    words in either are in both (Broder, "On the Resemblance and Containment of Documents", 1997). What more than four,
    and more than a tenth, of the examples have in common does not count, and so many are no group.
    """
    examples = sorted(examples, key=lambda each: each.id)
    most = max(FAMILY, len(examples) // FAMILY_SHARE)
    groups, runs, first = _Groups(len(examples)), {}, dict[bytes, int]()
    for number, example in enumerate(paced(examples, size=lambda each: len(each.input), every=6 * _AT_ONCE)):
        words = " ".join(_WORD.findall(unicodedata.normalize("NFKC", example.input).casefold()))
        text = sha256((words or example.input).encode()).digest()
        if (same := first.setdefault(text, number)) != number:
            groups.join(same, number)
        else:
            runs[number] = _runs(words.encode())
    _join_alike(groups, _telling(runs, most))
    return tuple(tuple(examples[each].id for each in group) for group in groups.found() if 1 < len(group) <= most)


def _runs(text: bytes) -> Runs:
    """Return the runs of three words; the edges count as words, so that each word is in three. Without words none."""
    if not text:
        return array("I")
    words = [0, 0, *map(crc32, text.split()), 0, 0]
    # Of numbers, not of texts, for which hash() is another one in each process.
    in_threes = map(hash, zip(words, words[1:], words[2:], strict=False))
    return array("I", {run & _HASH for run in in_threes})


def _telling(runs: Mapping[int, Runs], most: int) -> Iterator[tuple[int, Runs]]:
    """Yield each text's runs without those that more than `most` texts have, the rarest first.

    A text that shares too few of them to be like any other is left out.
    """
    # By the end of the hash: millions of runs in 16 megabytes, and a small job is spared their zeros.
    buckets = min(_BUCKETS, _ROOM * (1 << sum(map(len, runs.values())).bit_length()))
    texts_with = array("I", [0]) * buckets
    for mine in paced(runs.values(), size=len, every=_AT_ONCE):
        for run in mine:
            texts_with[run % buckets] += 1
    for number, mine in paced(runs.items(), size=lambda each: len(each[1]), every=_AT_ONCE):
        counts = [texts_with[run % buckets] for run in mine]
        kept = [each for each in counts if each <= most]
        if len(kept) - kept.count(1) >= ALIKE * len(kept):
            rarest_first = sorted((count, run) for count, run in zip(counts, mine, strict=True) if count <= most)
            yield number, array("I", [run for _, run in rarest_first])


def _join_alike(groups: _Groups, texts: Iterable[tuple[int, Runs]]) -> None:
    """Join the texts that are alike.

    With all runs in one order, two that are have one in common among the first of each (prefix filtering: Chaudhuri,
    Ganti and Kaushik, "A Primitive Operator for Similarity Joins in Data Cleaning", 2006).
    """
    seen: dict[int, Runs] = {}
    leads = defaultdict[int, list[int]](list)
    for number, mine in texts:
        first = mine[: len(mine) - ceil(ALIKE * len(mine)) + 1]
        known = set(mine)
        near = sorted({each for run in first for each in leads.get(run, ())})
        if len(near) > _MANY:
            pause()
        for other in near:
            if groups.root(other) != groups.root(number) and _are_alike(known, seen[other]):
                groups.join(other, number)
        for run in first:
            if len(leads[run]) < LEADS:
                leads[run].append(number)
        seen[number] = mine


def _are_alike(one: set[int], other: Runs) -> bool:
    if not ALIKE * len(one) <= len(other) <= len(one) / ALIKE:
        return False
    both = len(one.intersection(other))
    return both >= ALIKE * (len(one) + len(other) - both)
