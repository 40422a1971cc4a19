"""Threads for the calls of all jobs: so many at once, and the next for the job that has the fewest."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from gepa_next.errors import Interrupted, UnavailableError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


_here = threading.local()


@contextmanager
def aside(*, held_up: bool = True) -> Iterator[None]:
    """Take no place in the pool meanwhile: this thread only waits, and so would all of its job that is `held_up`."""
    share: Share | None = getattr(_here, "share", None)
    if share is None:
        yield
        return
    share.pool.step_aside(share, held_up=held_up)
    try:
        yield
    finally:
        share.pool.come_back(share, held_up=held_up)


class CallPool:
    """Owns the threads; give each job a share of them, and drain it at the end.

    A job that has nothing running may always begin one thing, over the limit too: one whose calls hang
    must not hold up the others. One that is held up `aside` begins nothing: it would only wait as well.
    What no thread can be started for is handed out when the next thing is done.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._closed = False
        self._threads = 0
        self._free = 0  # threads that have nothing to do
        self._begun: SimpleQueue[tuple[Share, Item] | None] = SimpleQueue()  # None ends a thread
        self._running = 0
        self._handed_out = 0
        self._waiting: dict[Share, None] = {}  # a set that keeps its order

    def share(self) -> "Share":
        """Return what one job submits its calls to."""
        return Share(self)

    def drain(self, timeout_s: float) -> None:
        """Begin nothing more, and wait at most so long for what has begun."""
        with self._ended:
            self._closed = True
            for _ in range(self._threads):
                self._begun.put(None)
            self._ended.wait_for(lambda: not self._threads, timeout_s)

    def step_aside(self, share: "Share", *, held_up: bool) -> None:
        """Let others have the place of a thread that waits."""
        with self._lock:
            self._running -= 1
            share.running -= 1
            share.held_up += held_up
            self._hand_out()

    def come_back(self, share: "Share", *, held_up: bool) -> None:
        """Count the thread again, over the limit if need be: it has its turn."""
        with self._lock:
            self._running += 1
            share.running += 1
            share.held_up -= held_up
            self._hand_out()

    def enter(self, share: "Share", item: "Item") -> None:
        """Queue something of the job's.

        Interrupted once the pool is drained, UnavailableError if there is no thread and none can be started.
        """
        with self._lock:
            if self._closed:
                raise Interrupted("let_go", "the runner is draining")
            share.items.append(item)
            self._waiting[share] = None
            self._hand_out()
            if not self._threads:  # so nothing else waits, and nobody would come to it
                share.items.pop()
                del self._waiting[share]
                raise UnavailableError("no_thread", "no model call can be made: no thread can be started")

    def _hand_out(self) -> None:
        while not self._closed and (share := self._next()) is not None and self._has_thread():
            self._begin(share)

    def _has_thread(self) -> bool:
        """Engage a thread that is free or a new one; False, and nothing has changed, if none can be started."""
        if self._free:
            self._free -= 1
            return True
        try:
            threading.Thread(target=self._work, name="call", daemon=True).start()
        except RuntimeError:
            return False
        self._threads += 1
        return True

    def _begin(self, share: "Share") -> None:
        self._begun.put((share, share.items.popleft()))
        if not share.items:
            del self._waiting[share]
        self._running += 1
        self._handed_out += 1
        share.running += 1
        share.last_served = self._handed_out

    def _next(self) -> "Share | None":
        has_room = self._running < self._most
        able = (share for share in self._waiting if not share.held_up and (has_room or not share.running))
        return min(able, key=Share.place, default=None)

    def _work(self) -> None:
        while self._do_one():
            pass
        with self._ended:
            self._threads -= 1
            self._ended.notify_all()

    def _do_one(self) -> bool:
        if (begun := self._begun.get()) is None:
            return False
        share, item = begun
        _here.share = share
        item.run()
        with self._lock:
            self._running -= 1
            share.running -= 1
            self._free += 1
            self._hand_out()
        return True


@dataclass(frozen=True, slots=True)
class Item:
    """Something to do, and where its result goes."""

    work: Callable[[], Any]  # Any: whatever the future is of
    future: Future[Any]  # Any: as above

    def run(self) -> None:
        """Do it, unless nobody wants it any more."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.work())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
            self.future.set_exception(error)


class Share(Executor):
    """One job's part of the pool."""

    def __init__(self, pool: CallPool) -> None:
        self.pool = pool
        # The pool's, under its lock:
        self.items: deque[Item] = deque()
        self.running = 0
        self.held_up = 0
        self.last_served = 0

    def submit(
        self, work: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Future[Result]:
        """Return the result to come of the work, done when it is this job's turn."""
        future: Future[Result] = Future()
        self.pool.enter(self, Item(lambda: work(*args, **kwargs), future))
        return future

    def place(self) -> tuple[int, int]:
        """Return what the pool orders jobs by: the fewest running first, then the longest passed over."""
        return self.running, self.last_served
