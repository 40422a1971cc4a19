"""The connection that writes: a batch of units in one transaction, behind the gate between processes."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from gepa_next.store.gate import Gate
from gepa_next.store.patience import keep_trying
from gepa_next.store.pending import Pending
from gepa_next.store.sqlite_errors import is_of_the_file

Batch = Sequence[Pending[Any]]  # Any: each unit keeps its own result type


class Writer:
    """Makes the transactions of one connection, one at a time: whoever calls sees to that."""

    def __init__(self, connection: sqlite3.Connection, gate: Gate) -> None:
        self._connection = connection
        self._gate = gate
        self._run_commit: Callable[[Callable[[], None]], None] = lambda commit: commit()

    def commit_by(self, run: Callable[[Callable[[], None]], None]) -> None:
        """Have `run` run every COMMIT; it returns, or raises, when that does."""
        self._run_commit = run

    def commit(self, batch: Batch, *, until: float) -> None:
        """Commit the units to disk together; each keeps its result, or the error that is its alone.

        Raises, with nothing written, what keeps them all from being committed: UnavailableError if other processes
        do so beyond `until`.
        """
        with self._gate(until=until):
            try:
                self._run(batch, until)
                self._run_commit(self._commit)
            except BaseException:
                self._roll_back()
                raise

    def _run(self, batch: Batch, until: float) -> None:
        """Run the units in one transaction; only if one of them raises, all again with a savepoint for each."""
        self._begin(until)
        try:
            for unit in batch:
                unit.run(self._connection)
        except Exception as error:
            if is_of_the_file(error):
                raise  # the whole commit fails; any other is raised again below, and its caller's alone
            self._connection.execute("ROLLBACK")
            self._begin(until)
            for unit in batch:
                unit.run_apart(self._connection)

    def _begin(self, until: float) -> None:
        # Somebody without the gate, an operator's shell, may hold SQLite's own lock.
        keep_trying(lambda: self._connection.execute("BEGIN IMMEDIATE"), until=until)

    def _commit(self) -> None:
        self._connection.execute("COMMIT")
        self._gate.leave()  # other processes need not wait until this thread has its turn again

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
