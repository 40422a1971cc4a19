"""Asking: of several calls that ask the same question at once, one asks and the others wait for its answer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gepa_next.errors import ModelError
from gepa_next.runner.call_pool import aside

NOTICE_S = 0.1


class Asking:
    """The questions that are being asked in this process, by whatever job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, Asker] = {}

    @contextmanager
    def alone(
        self, question: str | None, *, permit: Callable[[], None], is_over: Callable[[], bool] = lambda: False
    ) -> Iterator["Asker"]:
        """Let nobody else ask the question meanwhile; `permit` may raise to end the wait. None is asked by all.

        When `is_over`, so that the answer may be long in coming though its job wants it no more, another asks. When
        the asking fails, or is said to have been in vain for others, all that waited ask at once: one after another
        they would wait for each other's answers or time-outs.
        """
        asker = Asker(is_over)
        if question is None:
            yield asker
            return
        self._wait_for_turn(question, asker, permit)
        try:
            yield asker
        except ModelError:
            asker.in_vain = True
            raise
        finally:
            self._end(question, asker)

    def _wait_for_turn(self, question: str, asker: "Asker", permit: Callable[[], None]) -> None:
        while (other := self._begin(question, asker)) is not asker:
            with aside(held_up=False):
                while not (other.done.wait(NOTICE_S) or other.is_over()):
                    permit()
            if other.in_vain:
                return

    def _begin(self, question: str, asker: "Asker") -> "Asker":
        """Return who asks the question now: this one, if nobody else does."""
        with self._lock:
            other = self._asked.get(question)
            if other is None or other.is_over():
                self._asked[question] = other = asker
            return other

    def _end(self, question: str, asker: "Asker") -> None:
        with self._lock:
            if self._asked.get(question) is asker:
                del self._asked[question]
        asker.done.set()


@dataclass(slots=True)
class Asker:
    """A call that asks a question for others too, `in_vain` when there is no answer or one for itself alone."""

    is_over: Callable[[], bool]
    done: threading.Event = field(default_factory=threading.Event)
    in_vain: bool = False
