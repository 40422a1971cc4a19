"""The database file of one process: opened, read by one connection, and written through a queue by another."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TypeVar

from gepa_next.store.commit_queue import CommitQueue
from gepa_next.store.connections import connect, explaining, make_private
from gepa_next.store.file_systems import MOUNTS, refuse_network
from gepa_next.store.gate import Gate
from gepa_next.store.migrate import migrate, needs_migration
from gepa_next.store.outcomes import Outcomes
from gepa_next.store.patience import Patience, keep_trying
from gepa_next.store.pending import Pending
from gepa_next.store.sqlite_errors import explained
from gepa_next.store.writer import Writer

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
        self._patience = Patience(gate_timeout_s)
        self._outcomes = Outcomes()
        self._read_lock = threading.Lock()
        with ExitStack() as opened, explaining():
            refuse_network(path, mounts=mounts)
            make_private(path)
            self._open(opened, until=self._patience.deadline())
            self._opened = opened.pop_all()
        self._commits = CommitQueue(self._writer, self._patience, self._outcomes)

    def _open(self, opened: ExitStack, *, until: float) -> None:
        connection = connect(self.path, opened, until=until)
        outdated = keep_trying(lambda: needs_migration(connection), until=until)
        # Not before it is known that the database is ours: nothing is put beside somebody else's.
        gate = Gate(self.path.with_name(self.path.name + ".lock"))
        opened.callback(gate.close)
        # Not behind the gate without need: a process that hangs may hold it, and must not keep others from opening.
        if outdated:
            with gate(until=until):
                keep_trying(lambda: migrate(connection), until=until)
        self._writer = Writer(connection, gate)
        self._reader = connect(self.path, opened, until=until)
        self._reader.execute("PRAGMA query_only = ON")

    def rows(self, sql: str, values: Values = (), *, take: Take = sqlite3.Cursor.fetchall) -> list[Row]:
        """Return all rows of a short read, or those that `take` takes of them without waiting for anything.

        Say LIMIT in the SQL: an open cursor would keep the WAL growing.
        StoreError if the file cannot be read, DamagedError if what these rows hold cannot, UnavailableError if another
        process keeps it from being read.
        """
        try:
            return keep_trying(lambda: self._read(sql, values, take), until=self._patience.deadline())
        except sqlite3.Error as error:
            raise explained(error) from error

    def _read(self, sql: str, values: Values, take: Take) -> list[Row]:
        with self._read_lock, closing(self._reader.execute(sql, values)) as cursor:
            return take(cursor)

    def row(self, sql: str, values: Values = ()) -> Row | None:
        """Return the first row of a short read, None if there is none."""
        return next(iter(self.rows(sql, values)), None)

    def write(self, unit: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run the unit in a transaction and return its result once that is committed to disk.

        Writers that arrive together share one commit. An exception undoes only the unit that raised it; the others
        may be run a second time for that. DamagedError if what the unit reads is damaged, UnavailableError if other
        processes write all the time.
        """
        return self._commits.submit(unit).result()

    def write_soon(self, unit: Callable[[sqlite3.Connection], Result]) -> Result:
        """Write what can be written another time as well: UnavailableError after SOON_S; it is told to no timer."""
        return self._commits.write_soon(unit)

    def submit(self, unit: Callable[[sqlite3.Connection], Result], *, keep: bool = False) -> Pending[Result]:
        """Queue the unit; it is committed with or before any queued later, at the latest when its result is read.

        One to `keep` stays first in the queue while the file cannot be written: nothing queued later is committed
        without it.
        """
        return self._commits.submit(unit, keep=keep)

    def flush(self) -> None:
        """Try to commit what is queued though nobody waits for it, unless somebody is at it.

        What other processes keep from being written stays queued. StoreError if the file cannot be written and the
        first is one to keep, which stays queued too; of any other its result tells.
        """
        self._commits.flush()

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
        self._writer.commit_by(run)

    def close(self, *, patience_s: float = threading.TIMEOUT_MAX) -> None:
        """Write what is still queued, if it can be, and close both connections.

        Whoever is still writing after `patience_s` keeps them, for as long as the process lives.
        """
        self._patience.timeout_s = min(self._patience.timeout_s, patience_s)
        with suppress(Exception):  # there is no later
            self.flush()
        with self._commits.at_rest(patience_s=patience_s) as rests:
            if rests:
                with self._read_lock:
                    self._opened.close()
