"""Fan-out over threads: everything at once, results in the order submitted."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextvars import copy_context
from threading import Event
from typing import TypeVar

from gepa_next.errors import Interrupted

Item = TypeVar("Item")
Result = TypeVar("Result")

NOTICE_S = 0.1  # how soon a job that waits for its calls notices that it was cancelled


class PooledFanOut:
    """A FanOut on a job's share of the pool; it gives up waiting, not the calls in flight, when `let_go` is set."""

    def __init__(self, pool: Executor, *, let_go: Event) -> None:
        self._pool = pool
        self._let_go = let_go

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
        """Begin all, and yield the results in order; the first error in that order is raised.

        What has not begun is dropped then, and when no more results are wanted.
        """
        return self._in_order([self._pool.submit(copy_context().run, function, item) for item in items])

    def _in_order(self, futures: Sequence[Future[Result]]) -> Iterator[Result]:
        try:
            for future in futures:
                yield self._result(future)
        finally:
            for future in futures:
                future.cancel()

    def _result(self, future: Future[Result]) -> Result:
        while not wait([future], timeout=NOTICE_S).done:
            if self._let_go.is_set():
                raise Interrupted("let_go", "the runner let go of the job")
        return future.result()
