"""Asking: of several calls that ask the same question at once, one asks and the others wait for its answer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NOTICE_S = 0.1


class Asking:
    """The questions that are being asked in this process, by whatever job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, threading.Event] = {}

    @contextmanager
    def alone(self, question: str | None, *, permit: Callable[[], None]) -> Iterator[None]:
        """Let nobody else ask the question meanwhile; `permit` may raise to end the wait. None is asked by all."""
        if question is None:
            yield
            return
        while (other := self._begin(question)) is not None:
            while not other.wait(NOTICE_S):
                permit()
        try:
            yield
        finally:
            with self._lock:
                self._asked.pop(question).set()

    def _begin(self, question: str) -> threading.Event | None:
        """Return the event that ends another's asking, None if it is ours now."""
        with self._lock:
            if (other := self._asked.get(question)) is None:
                self._asked[question] = threading.Event()
            return other
