"""The database file of one process: one connection that writes, in groups, and one that reads."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from gepa_next.errors import StoreError, UnavailableError
from gepa_next.store.connections import connect, explaining, make_private
from gepa_next.store.file_systems import MOUNTS, refuse_network
from gepa_next.store.gate import Gate
from gepa_next.store.migrate import migrate, needs_migration
from gepa_next.store.outcomes import Outcomes
from gepa_next.store.patience import busy, keep_trying
from gepa_next.store.pending import Pending
from gepa_next.store.sqlite_errors import explained, is_of_the_file

SOON_S = 0.2
Result = TypeVar("Result")
Row = sqlite3.Row
Values = Sequence[str | int | float | None]
Take = Callable[[sqlite3.Cursor], list[Row]]


class Database:
    """Owns the connections; any thread may use it, and whoever opened it closes it.

    Open it after forking. A unit of writing contains only SQL: it runs inside a transaction. What waits for
    other processes waits `gate_timeout_s` at most, and never in SQLite's own busy handler.
    """

    def __init__(self, path: Path, *, gate_timeout_s: float = 2.0, mounts: Path = MOUNTS) -> None:
        self.path = path
        self._timeout_s = gate_timeout_s
        with ExitStack() as opened, explaining():
            refuse_network(path, mounts=mounts)
            make_private(path)
            until = self.deadline()
            self._writer = connect(path, opened, until=until)
            outdated = keep_trying(lambda: needs_migration(self._writer), until=until)
            # Not before it is known that the database is ours: nothing is put beside somebody else's.
            self._gate = Gate(path.with_name(path.name + ".lock"))
            opened.callback(self._gate.close)
            # Not behind the gate without need: a process that hangs may hold it, and must not keep others from opening.
            if outdated:
                with self._gate(until=until):
                    keep_trying(lambda: migrate(self._writer), until=until)
            self._reader = connect(path, opened, until=until)
            self._reader.execute("PRAGMA query_only = ON")
            self._opened = opened.pop_all()
        self._queue: deque[Pending[Any]] = deque()  # Any: each unit keeps its own result type
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._outcomes = Outcomes()
        self._run_commit: Callable[[Callable[[], None]], None] = lambda commit: commit()

    def rows(self, sql: str, values: Values = (), *, take: Take = sqlite3.Cursor.fetchall) -> list[Row]:
        """Return all rows of a short read, or those that `take` takes of them without waiting for anything.

        Say LIMIT in the SQL: an open cursor would keep the WAL growing.
        StoreError if the file cannot be read, DamagedError if what these rows hold cannot, UnavailableError if another
        process keeps it from being read.
        """
        try:
            return keep_trying(lambda: self._read(sql, values, take), until=self.deadline())
        except sqlite3.Error as error:
            raise explained(error) from error

    def _read(self, sql: str, values: Values, take: Take) -> list[Row]:
        with self._read_lock, closing(self._reader.execute(sql, values)) as cursor:
            return take(cursor)

    def deadline(self) -> float:
        """Return until when, on the monotonic clock, something that begins now may wait for other processes."""
        return time.monotonic() + self._timeout_s

    def row(self, sql: str, values: Values = ()) -> Row | None:
        """Return the first row of a short read, None if there is none."""
        return next(iter(self.rows(sql, values)), None)

    def write(self, unit: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run the unit in a transaction and return its result once that is committed to disk.

        Writers that arrive together share one commit. An exception undoes only the unit that raised it; the others
        may be run a second time for that. DamagedError if what the unit reads is damaged, UnavailableError if other
        processes write all the time.
        """
        return self.submit(unit).result()

    def write_soon(self, unit: Callable[[sqlite3.Connection], Result]) -> Result:
        """Write what can be written another time as well: UnavailableError after SOON_S; it is told to no timer."""
        until = time.monotonic() + SOON_S
        if not self._write_lock.acquire(timeout=SOON_S):
            raise busy()
        try:
            pending = self.submit(unit, timed=False)
            pending.deadline = until
            while not pending.settled:
                self._commit_queue()
        finally:
            self._write_lock.release()
            self._nudge()
        return pending.result()

    def submit(
        self, unit: Callable[[sqlite3.Connection], Result], *, keep: bool = False, timed: bool = True
    ) -> Pending[Result]:
        """Queue the unit; it is committed with or before any queued later, at the latest when its result is read.

        One to `keep` stays first in the queue while the file cannot be written: nothing queued later is committed
        without it. A commit of units alone that are not `timed` is told to no timer.
        """
        pending = Pending(unit, self, keep=keep, timed=timed)
        self._queue.append(pending)
        return pending

    def flush(self) -> None:
        """Try to commit what is queued though nobody waits for it, unless somebody is at it.

        What other processes keep from being written stays queued. StoreError if the file cannot be written and the
        first is one to keep, which stays queued too; of any other its result tells.
        """
        for first in list(self._queue)[:1]:
            self._lead(first)
            first.raise_setback()

    def lead_or_wait(self, pending: Pending[Any]) -> None:  # Any: whatever the unit returns
        """Commit the queue, or wait until whoever is at it has done so or leaves the lead to this one."""
        if not self._lead(pending):
            pending.wait()

    def _lead(self, pending: Pending[Any]) -> bool:
        if not self._write_lock.acquire(blocking=False):
            return False
        try:
            if not pending.settled:
                self._commit_queue()
        finally:
            self._write_lock.release()
            self._nudge()
        return True

    def _nudge(self) -> None:
        """Wake those that came too late for the last commit: one of them leads the next."""
        # After the release: who queued and found the lock taken did so before it, and is seen here.
        # All of them: the first may be gone by then.
        for pending in self._queue.copy():
            if pending.awaited:
                pending.wake()

    def listen(self, listener: Callable[[], None]) -> None:
        """Have the listener called after every commit of this process; it must not block."""
        self._outcomes.listeners.append(listener)

    def time_commits(self, timer: Callable[[float], None]) -> None:
        """Have the timer called with the seconds that each commit took, its waits included; it must not block.

        A commit that other processes kept from being made is told too, once somebody has waited for it in vain.
        """
        self._outcomes.timers.append(timer)

    @property
    def unwritable_s(self) -> float:
        """For how long nothing could be written, though it was tried; 0 if the last try succeeded."""
        return self._outcomes.failing_s

    def commit_by(self, run: Callable[[Callable[[], None]], None]) -> None:
        """Have `run` run every commit, which waits for the disk; it returns, or raises, when the commit does.

        It may let others of this process run meanwhile: what they write is in the next commit.
        """
        self._run_commit = run

    def close(self, *, patience_s: float = threading.TIMEOUT_MAX) -> None:
        """Write what is still queued, if it can be, and close both connections.

        Whoever is still writing after `patience_s` keeps them, for as long as the process lives.
        """
        self._timeout_s = min(self._timeout_s, patience_s)
        with suppress(Exception):  # there is no later
            self.flush()
        if not self._write_lock.acquire(timeout=patience_s):
            return
        with self._read_lock:
            self._opened.close()
        self._write_lock.release()

    def _commit_queue(self) -> None:
        batch = [self._queue.popleft() for _ in range(len(self._queue))]
        began = time.monotonic()
        try:
            until = min([self.deadline(), *(unit.deadline for unit in batch)])
            with self._gate(until=until):
                self._run(batch, until)
                self._run_commit(self._commit)
            for unit in batch:
                unit.settle()  # not before COMMIT: whoever waits acts on it
        except UnavailableError as error:
            self._put_back(batch, error, began)
        except BaseException as error:
            self._outcomes.failed(began)
            self._roll_back(batch, error)
            if not isinstance(error, Exception):
                raise
        else:
            self._outcomes.succeeded(began, timed=any(unit.timed for unit in batch))

    def _commit(self) -> None:
        self._writer.execute("COMMIT")
        self._gate.leave()  # other processes need not wait until this thread has its turn again

    def _run(self, batch: Sequence[Pending[Any]], until: float) -> None:
        """Run the units in one transaction; only if one of them raises, all again with a savepoint for each."""
        self._begin(until)
        try:
            for unit in batch:
                unit.run(self._writer)
        except Exception as error:
            if is_of_the_file(error):
                raise  # the whole commit fails; any other is raised again below, and its caller's alone
            self._writer.execute("ROLLBACK")
            self._begin(until)
            for unit in batch:
                unit.run_apart(self._writer)

    def _begin(self, until: float) -> None:
        # Somebody without the gate, an operator's shell, may hold SQLite's own lock.
        keep_trying(lambda: self._writer.execute("BEGIN IMMEDIATE"), until=until)

    def _roll_back(self, batch: Sequence[Pending[Any]], error: BaseException) -> None:
        with suppress(sqlite3.Error):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        # What is damaged may be another unit's.
        told = StoreError("store_unavailable", explained(error).message) if isinstance(error, sqlite3.Error) else None
        for unit in batch:
            unit.fail(told or error)
        self._queue_again(batch)

    def _put_back(self, batch: Sequence[Pending[Any]], error: UnavailableError, began: float) -> None:
        """Fail the units that were waited for long enough; the others are first in the queue again."""
        now = time.monotonic()
        given_up = [unit for unit in batch if unit.deadline <= now]
        self._outcomes.failed(began, timed=any(unit.timed for unit in given_up))
        for unit in given_up:
            unit.fail(error)
        self._queue_again(batch)

    def _queue_again(self, batch: Sequence[Pending[Any]]) -> None:
        self._queue.extendleft(unit for unit in reversed(batch) if not unit.settled)
