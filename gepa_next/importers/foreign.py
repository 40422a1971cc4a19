"""What a file of another tool says in our words, and what of it could not be carried over."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

from gepa_next.client.json_list import Unreadable

Json = dict[str, Any]  # Any: the JSON of files that others have written
WHOLE = 1e15  # below it JavaScript writes a whole number as one
Place = Literal["line", "example"]
Numbered = tuple[int, Json]


class Lost:
    """What could not be carried over: by name, why, and how often."""

    def __init__(self) -> None:
        self._times: Counter[tuple[str, str]] = Counter()

    def note(self, what: str, why: str, times: int = 1) -> None:
        """Count something that could not be carried over."""
        if times:
            self._times[what, why] += times

    def items(self) -> list[Json]:
        """Return all of it, the most frequent first."""
        return [{"what": what, "why": why, "count": times} for (what, why), times in self._times.most_common()]


class Foreign(Protocol):
    """A file of another tool; its job and what is lost are complete once all examples were read."""

    lost: Lost
    place: Place  # what the numbers of its examples count

    def examples(self) -> Iterator[Numbered | Unreadable]:
        """Yield number and value of each example."""

    def job(self) -> Json | None:
        """Return what the file says of a job beside its examples, None if it has no prompt."""


def text_of(value: object) -> str:
    """Return a value as text: text as it is, anything else as JSON would have it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < WHOLE:
        value = int(value)
    return value if isinstance(value, str) else to_json(value)


def labelled(values: Mapping[str, object]) -> str:
    """Return several values as one text, each behind its name; a single one as it is."""
    if len(values) == 1:
        return text_of(next(iter(values.values())))
    return "\n\n".join(f"{name}: {text_of(value)}" for name, value in values.items())


def to_json(value: object) -> str:
    """Return the value as JSON; what JSON has no word for, such as a date, as text."""
    return json.dumps(value, ensure_ascii=False, default=str)
