"""Leaks: inputs that decide about a proposal and stand in its text."""

from collections.abc import Iterable, Iterator

from gepa_next.gepa.types import Task

SHORTEST_LEAK = 20


class HiddenInputs:
    """The inputs of a task that no proposal may quote: those that it is tested on and learns nothing from.

    What the seed prompt quotes is nobody's leak. A search takes as long as the text is long, however many there are.
    """

    def __init__(self, task: Task) -> None:
        shown = {each.id for each in task.train}
        inputs = [each.input for each in (*task.validation, *task.test) if each.id not in shown]
        self._by_start: dict[str, list[str]] = {}
        self._add(each for each in inputs if len(each) >= SHORTEST_LEAK)
        for known in set(self._quoted(task.prompt)):
            self._by_start[known[:SHORTEST_LEAK]].remove(known)

    def leak_into(self, text: str) -> bool:
        """Say whether the text quotes one of them."""
        return any(True for _ in self._quoted(text))

    def _add(self, inputs: Iterable[str]) -> None:
        for each in dict.fromkeys(inputs):
            self._by_start.setdefault(each[:SHORTEST_LEAK], []).append(each)

    def _quoted(self, text: str) -> Iterator[str]:
        starts = self._by_start
        for place in range(len(text) - SHORTEST_LEAK + 1):
            found = starts.get(text[place : place + SHORTEST_LEAK])
            if found is not None:
                yield from (each for each in found if text.startswith(each, place))
