"""Work that is done in another process: how it is asked for, and what comes back of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

QUEUED_S = 60.0

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Done(Generic[Result_co]):
    """A result, and how often the work was begun for it: more than once if what did it died."""

    result: Result_co
    begun: int = 1


class NotDone(Exception):
    """Report work without a result, and how often it was begun all the same."""

    def __init__(self, message: str, *, begun: int) -> None:
        super().__init__(message)
        self.begun = begun


class Elsewhere(Protocol):
    """Do work in another process; share it among threads."""

    def __call__(self, function: Callable[..., Result], /, *arguments: object, lasts_s: float) -> Done[Result]:
        """Call the function with the arguments there; NotDone if nothing came of it.

        Function, arguments and result can be pickled. It waits `QUEUED_S` at most to begin, and then takes `lasts_s`.
        """
