"""Leaks: texts that decide about a proposal and stand in it, whole or in part."""

from collections.abc import Iterable, Iterator

from gepa_next.gepa.pause import paced
from gepa_next.gepa.types import Example, Task

SHORTEST_LEAK = 20  # characters; what is shorter anybody may come up with
SHORTEST_PART = 50  # of a text that is longer
_BLOCK = SHORTEST_PART // 2  # a part has a whole block of the text in it, wherever it begins
_AT_ONCE = 20_000  # characters


class HiddenTexts:
    """The inputs and ideals of a task that no proposal may quote: of what it is tested on and learns nothing from.

    Case and white space make no difference. What the seed prompt or a train example says is nobody's leak. A search
    takes as long as the text is long, however many there are.
    """

    def __init__(self, task: Task) -> None:
        shown = {each.id for each in task.train}
        hidden = {each.id: each for each in (*task.validation, *task.test) if each.id not in shown}
        self._texts = [(each.id, text) for each in hidden.values() for text in _texts([each])]
        self._blocks: dict[str, tuple[int, int]] = {}
        self._short: dict[str, list[int]] = {}
        for number, (_, text) in enumerate(paced(self._texts, every=_AT_ONCE, size=lambda each: len(each[1]))):
            self._add(number, text)
        for known in paced([_normal(task.prompt), *_texts(task.train)], every=_AT_ONCE, size=len):
            self._forget(known)

    def leak_into(self, text: str) -> str | None:
        """Return the id of an example that the text quotes, None if it quotes none."""
        text = _normal(text)
        for place in range(len(text) - SHORTEST_LEAK + 1):
            found = self._blocks.get(text[place : place + _BLOCK])
            if found is not None and self._shared(text, place, *found) >= SHORTEST_PART:
                return self._texts[found[0]][0]
            for number in self._beginning(text, place):
                return self._texts[number][0]
        return None

    def _add(self, number: int, text: str) -> None:
        if SHORTEST_LEAK <= len(text) < SHORTEST_PART:
            self._short.setdefault(text[:SHORTEST_LEAK], []).append(number)
        elif len(text) >= SHORTEST_PART:
            for start in range(0, len(text) - _BLOCK + 1, _BLOCK):
                self._blocks.setdefault(text[start : start + _BLOCK], (number, start))

    def _forget(self, known: str) -> None:
        for place in range(len(known) - SHORTEST_LEAK + 1):
            self._blocks.pop(known[place : place + _BLOCK], None)
            for number in list(self._beginning(known, place)):
                self._short[self._texts[number][1][:SHORTEST_LEAK]].remove(number)

    def _beginning(self, text: str, place: int) -> Iterator[int]:
        """Yield the short texts that stand at this place."""
        for number in self._short.get(text[place : place + SHORTEST_LEAK], ()):
            if text.startswith(self._texts[number][1], place):
                yield number

    def _shared(self, text: str, place: int, number: int, start: int) -> int:
        """Return how many characters around the block are the same in both, as far as it matters."""
        other, before, after = self._texts[number][1], 0, _BLOCK
        while before < min(place, start, SHORTEST_PART) and text[place - before - 1] == other[start - before - 1]:
            before += 1
        most = min(len(text) - place, len(other) - start, SHORTEST_PART)
        while after < most and text[place + after] == other[start + after]:
            after += 1
        return before + after


def _texts(examples: Iterable[Example]) -> list[str]:
    return [_normal(text) for each in examples for text in (each.input, each.ideal) if text]


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())
