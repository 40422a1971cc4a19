"""What the engine needs from outside, each a Protocol of one method."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from gepa_next.gepa.types import Completion, Example, ModelCall, Verdict

Item = TypeVar("Item")
Result = TypeVar("Result")


class LanguageModel(Protocol):
    """Answer a call; raise ModelError when there is no usable answer. Called from many threads."""

    def __call__(self, call: ModelCall, /) -> Completion: ...


class FanOut(Protocol):
    """Apply a function to every item, at once or one by one; results in the order of the items.

    Whoever stops reading them wants no more: what has not begun by then need not.
    """

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterable[Result]: ...


class Metric(Protocol):
    """Score an output against its example, without a model: from 0 to 1, or there is none. Called from many threads."""

    def __call__(self, example: Example, output: str, /) -> Verdict: ...


class Control(Protocol):
    """Say at a named point of the run why it should end now, or None; `reason` is the engine's own, if it has one.

    The answer for one point never changes, so that a replay ends where the first run did.
    """

    def __call__(self, point: str, reason: str | None = None, /) -> str | None: ...
