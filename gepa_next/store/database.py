"""The database file of one process: one connection that writes, in groups, and one that reads."""

import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from gepa_next.errors import StoreError, UnavailableError
from gepa_next.store.file_systems import MOUNTS, refuse_network
from gepa_next.store.gate import Gate
from gepa_next.store.migrate import migrate, needs_migration
from gepa_next.store.patience import PRIMARY_CODE, keep_trying

PRIVATE = 0o600
Result = TypeVar("Result")
Row = sqlite3.Row
Values = Sequence[str | int | float | None]


class Database:
    """Owns the connections; any thread may use it, and whoever opened it closes it.

    Open it after forking. A unit of writing contains only SQL: it runs inside a transaction. What waits for
    other processes waits `gate_timeout_s` at most, and never in SQLite's own busy handler.
    """

    def __init__(self, path: Path, *, gate_timeout_s: float = 2.0, mounts: Path = MOUNTS) -> None:
        self.path = path
        self._timeout_s = gate_timeout_s
        with ExitStack() as opened, _explaining():
            refuse_network(path, mounts=mounts)
            _make_private(path)
            until = self.deadline()
            self._writer = _connect(path, opened, until=until)
            outdated = keep_trying(lambda: needs_migration(self._writer), until=until)
            # Not before it is known that the database is ours: nothing is put beside somebody else's.
            self._gate = Gate(path.with_name(path.name + ".lock"))
            opened.callback(self._gate.close)
            # Not behind the gate without need: a process that hangs may hold it, and must not keep others from opening.
            if outdated:
                with self._gate(until=until):
                    keep_trying(lambda: migrate(self._writer), until=until)
            self._reader = _connect(path, opened, until=until)
            self._reader.execute("PRAGMA query_only = ON")
            self._opened = opened.pop_all()
        self._queue: deque[Pending[Any]] = deque()  # Any: each unit keeps its own result type
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def rows(self, sql: str, values: Values = ()) -> list[Row]:
        """Return all rows of a short read; say LIMIT in the SQL: an open cursor would keep the WAL growing.

        StoreError if the file cannot be read, UnavailableError if another process keeps it from being read.
        """
        try:
            return keep_trying(lambda: self._read(sql, values), until=self.deadline())
        except sqlite3.Error as error:
            raise _explained(error) from error

    def _read(self, sql: str, values: Values) -> list[Row]:
        with self._read_lock:
            return self._reader.execute(sql, values).fetchall()

    def deadline(self) -> float:
        """Return until when, on the monotonic clock, something that begins now may wait for other processes."""
        return time.monotonic() + self._timeout_s

    def row(self, sql: str, values: Values = ()) -> Row | None:
        """Return the first row of a short read, None if there is none."""
        return next(iter(self.rows(sql, values)), None)

    def write(self, unit: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run the unit in a transaction and return its result once that is committed to disk.

        Writers that arrive together share one commit, each in a savepoint of its own, so that an
        exception undoes only the unit that raised it. UnavailableError if other processes write all the time.
        """
        return self.submit(unit).result()

    def submit(self, unit: Callable[[sqlite3.Connection], Result]) -> "Pending[Result]":
        """Queue the unit; it is committed with or before any queued later, at the latest when its result is read."""
        pending = Pending(unit, self)
        self._queue.append(pending)
        return pending

    def lead_or_wait(self, pending: "Pending[Any]") -> None:  # Any: whatever the unit returns
        """Commit the queue, or wait until whoever is at it has done so or leaves the lead to this one."""
        if not self._write_lock.acquire(blocking=False):
            pending.wait()
            return
        try:
            if not pending.settled:
                self._commit_queue()
        finally:
            self._write_lock.release()
            self._nudge()

    def _nudge(self) -> None:
        """Wake those that came too late for the last commit: one of them leads the next."""
        # After the release: who queued and found the lock taken did so before it, and is seen here.
        # All of them: nobody may be waiting for the first.
        for pending in self._queue.copy():
            pending.wake()

    def listen(self, listener: Callable[[], None]) -> None:
        """Have the listener called after every commit of this process; it must not block."""
        self._listeners.append(listener)

    def data_version(self) -> int:
        """Return a number that changes when another connection has committed."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def close(self) -> None:
        """Close both connections."""
        with self._write_lock, self._read_lock:
            self._opened.close()

    def _commit_queue(self) -> None:
        batch = [self._queue.popleft() for _ in range(len(self._queue))]
        try:
            until = min(unit.deadline for unit in batch)
            with self._gate(until=until):
                # Somebody without the gate, an operator's shell, may hold SQLite's own lock.
                keep_trying(lambda: self._writer.execute("BEGIN IMMEDIATE"), until=until)
                for unit in batch:
                    unit.run(self._writer)
                self._writer.execute("COMMIT")
            for unit in batch:
                unit.settle()  # not before COMMIT: whoever waits acts on it
        except UnavailableError as error:
            self._put_back(batch, error)
        except BaseException as error:
            self._roll_back(batch, error)
            if not isinstance(error, Exception):
                raise
        for listener in self._listeners:
            listener()

    def _roll_back(self, batch: "Sequence[Pending[Any]]", error: BaseException) -> None:
        if self._writer.in_transaction:
            with suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")
        failure = _explained(error) if isinstance(error, sqlite3.Error) else error
        for unit in batch:
            unit.fail(failure)

    def _put_back(self, batch: "Sequence[Pending[Any]]", error: UnavailableError) -> None:
        """Fail the units that were waited for long enough; the others are first in the queue again."""
        now = time.monotonic()
        for unit in batch:
            if unit.deadline <= now:
                unit.fail(error)
        self._queue.extendleft(unit for unit in reversed(batch) if not unit.settled)


class Pending(Generic[Result]):
    """One unit of writing on its way through a shared commit."""

    def __init__(self, work: Callable[[sqlite3.Connection], Result], database: Database) -> None:
        self._work = work
        self._database = database
        self._value: Result
        self._error: BaseException | None = None
        self._woken = threading.Event()
        self.deadline = math.inf  # as long as nobody waits
        self.settled = False

    @property
    def error(self) -> BaseException | None:
        """What kept it from being written, None so far."""
        return self._error

    def run(self, connection: sqlite3.Connection) -> None:
        """Do the work inside the open transaction, keeping its result or its own error."""
        connection.execute("SAVEPOINT unit")
        try:
            self._value = self._work(connection)
        except sqlite3.OperationalError:
            raise  # the file, not this unit: the whole commit fails
        except Exception as error:  # noqa: BLE001 - handed to the caller by result()
            connection.execute("ROLLBACK TO unit")
            self._error = error
        connection.execute("RELEASE unit")

    def fail(self, error: BaseException) -> None:
        """Settle it with the error of the whole commit."""
        self._error = error
        self.settle()

    def settle(self) -> None:
        """Let whoever waits go on."""
        self.settled = True
        self._woken.set()

    def wake(self) -> None:
        """Have whoever waits look whether there is something to do."""
        self._woken.set()

    def wait(self) -> None:
        """Wait until it is settled or woken."""
        self._woken.wait()
        if not self.settled:
            self._woken.clear()

    def result(self) -> Result:
        """Return the unit's result, or raise its error, once it is committed."""
        self.deadline = self._database.deadline()
        while not self.settled:
            self._database.lead_or_wait(self)
        if self._error is not None:
            raise self._error
        return self._value


def _make_private(path: Path) -> None:
    """Make the file and its folder if they are not there, to be read by their owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=PRIVATE)  # SQLite gives the files beside it the same mode


def _connect(path: Path, opened: ExitStack, *, until: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    opened.callback(connection.close)
    connection.row_factory = sqlite3.Row
    keep_trying(lambda: connection.execute("PRAGMA synchronous = FULL"), until=until)  # the first to read the file
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _explained(error) from error


def _explained(error: sqlite3.Error | OSError) -> StoreError:
    told = f"the database cannot be used: {error}"
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & PRIMARY_CODE == sqlite3.SQLITE_IOERR:
        told += "; the disk may be full"
    return StoreError("store_unavailable", told)
