"""Probe a model that refuses a request and of which nobody knows that it answers any."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock

from gepa_next.gepa.types import Message, ModelCall
from gepa_next.llm.wire import Question

PROBE = (Message("user", "Say yes."),)
NOTICE_S = 0.1


def probe_of(call: ModelCall, model_id: str) -> Question:
    """Return the simplest question under the parameters of the call, which may be what is refused."""
    return Question(model_id=model_id, messages=PROBE, temperature=call.temperature, max_tokens=call.max_tokens)


class Probing:
    """The models of an endpoint that are being probed, each by one thread at a time."""

    def __init__(self) -> None:
        self._by_model: dict[str, Lock] = {}
        self._lock = Lock()

    @contextmanager
    def alone(
        self, model_id: str, *, permit: Callable[[], None], aside: Callable[[], AbstractContextManager[None]]
    ) -> Iterator[None]:
        """Let nobody else probe the model meanwhile; the wait is `aside`, and `permit` may raise to end it."""
        with self._lock:
            mine = self._by_model.setdefault(model_id, Lock())
        with aside():
            while not mine.acquire(timeout=NOTICE_S):
                permit()
        try:
            yield
        finally:
            mine.release()
