"""The queue for commits: writers that arrive together share one, which whoever comes first makes for all."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from gepa_next.errors import StoreError, UnavailableError
from gepa_next.store.outcomes import Outcomes
from gepa_next.store.patience import Patience, busy
from gepa_next.store.pending import Pending
from gepa_next.store.sqlite_errors import explained
from gepa_next.store.writer import Batch, Writer

SOON_S = 0.2
Result = TypeVar("Result")


class CommitQueue:
    """Units of writing on their way to the disk; any thread may bring one.

    There is no thread of its own: whoever holds the lock leads, and commits everything that is in the queue.
    """

    def __init__(self, writer: Writer, patience: Patience, outcomes: Outcomes) -> None:
        self._writer = writer
        self._patience = patience
        self._outcomes = outcomes
        self._queue: deque[Pending[Any]] = deque()  # Any: each unit keeps its own result type
        self._lock = threading.Lock()

    def submit(
        self, unit: Callable[[sqlite3.Connection], Result], *, keep: bool = False, timed: bool = True
    ) -> Pending[Result]:
        """Queue the unit; one to `keep` stays first while the file cannot be written."""
        pending = Pending(unit, self, keep=keep, timed=timed)
        self._queue.append(pending)
        return pending

    def write_soon(self, unit: Callable[[sqlite3.Connection], Result]) -> Result:
        """Commit the unit, untimed, or raise UnavailableError after SOON_S, whoever it is that keeps it waiting."""
        until = time.monotonic() + SOON_S
        if not self._lock.acquire(timeout=SOON_S):
            raise busy()
        try:
            pending = self.submit(unit, timed=False)
            pending.deadline = until
            while not pending.settled:
                self._commit_all()
        finally:
            self._lock.release()
            self._nudge()
        return pending.result()

    def flush(self) -> None:
        """Try to commit what is queued, unless somebody is at it; raise what keeps the first, if it is one to keep."""
        for first in list(self._queue)[:1]:
            self._lead(first)
            first.raise_setback()

    @contextmanager
    def at_rest(self, *, patience_s: float) -> Iterator[bool]:
        """Have nobody commit meanwhile; False if somebody is still at it after `patience_s`."""
        rests = self._lock.acquire(timeout=patience_s)
        try:
            yield rests
        finally:
            if rests:
                self._lock.release()

    def deadline(self) -> float:
        """Return until when somebody who begins to wait now does so."""
        return self._patience.deadline()

    def lead_or_wait(self, pending: Pending[Any]) -> None:  # Any: whatever the unit returns
        """Commit the queue, or wait until whoever is at it has done so or leaves the lead to this one."""
        if not self._lead(pending):
            pending.wait()

    def _lead(self, pending: Pending[Any]) -> bool:
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if not pending.settled:
                self._commit_all()
        finally:
            self._lock.release()
            self._nudge()
        return True

    def _nudge(self) -> None:
        """Wake those that came too late for the last commit: one of them leads the next."""
        # After the release: who queued and found the lock taken did so before it, and is seen here.
        # All of them: the first may be gone by then.
        for pending in self._queue.copy():
            if pending.awaited:
                pending.wake()

    def _commit_all(self) -> None:
        batch = [self._queue.popleft() for _ in range(len(self._queue))]
        began = time.monotonic()
        try:
            self._writer.commit(batch, until=min([self._patience.deadline(), *(unit.deadline for unit in batch)]))
            for unit in batch:
                unit.settle()  # not before COMMIT: whoever waits acts on it
        except UnavailableError as error:
            self._put_back(batch, error, began)
        except BaseException as error:
            self._outcomes.failed(began)
            self._fail(batch, error)
            if not isinstance(error, Exception):
                raise
        else:
            self._outcomes.succeeded(began, timed=any(unit.timed for unit in batch))

    def _put_back(self, batch: Batch, error: UnavailableError, began: float) -> None:
        """Fail the units that were waited for long enough; the others are first in the queue again."""
        now = time.monotonic()
        given_up = [unit for unit in batch if unit.deadline <= now]
        self._outcomes.failed(began, timed=any(unit.timed for unit in given_up))
        for unit in given_up:
            unit.fail(error)
        self._queue_again(batch)

    def _fail(self, batch: Batch, error: BaseException) -> None:
        # What is damaged may be another unit's.
        told = StoreError("store_unavailable", explained(error).message) if isinstance(error, sqlite3.Error) else None
        for unit in batch:
            unit.fail(told or error)
        self._queue_again(batch)

    def _queue_again(self, batch: Batch) -> None:
        self._queue.extendleft(unit for unit in reversed(batch) if not unit.settled)
