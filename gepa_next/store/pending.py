"""Pending: one unit of writing on its way through a commit that it shares with others."""

import math
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from gepa_next.store.sqlite_errors import is_of_the_file, of_unit

Result = TypeVar("Result")


class Committer(Protocol):
    """Commits what is queued."""

    def deadline(self) -> float:
        """Return until when something that begins now may wait."""

    def lead_or_wait(self, pending: "Pending[Any]", /) -> None:
        """Commit what is queued, or wait until somebody has."""


class Pending(Generic[Result]):
    """A unit in the queue; `deadline` is until when somebody waits for it, on the monotonic clock."""

    def __init__(
        self, work: Callable[[sqlite3.Connection], Result], committer: Committer, *, keep: bool, timed: bool = True
    ) -> None:
        self._work = work
        self._committer = committer
        self._value: Result
        self._error: BaseException | None = None
        self._setback: BaseException | None = None
        self._asleep = threading.Lock()  # held unless whoever waits is to look
        self._asleep.acquire()
        self.keep = keep
        self.timed = timed
        self.deadline = math.inf
        self.settled = False

    @property
    def error(self) -> BaseException | None:
        """What kept it from being written, None so far."""
        return self._error

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for it."""
        return self.deadline < math.inf

    def run(self, connection: sqlite3.Connection) -> None:
        """Do the work inside the open transaction, keeping its result; it may be done again if that is rolled back."""
        self._error = None
        self._value = self._work(connection)

    def run_apart(self, connection: sqlite3.Connection) -> None:
        """Do the work so that its error, which is kept, undoes nothing else."""
        connection.execute("SAVEPOINT unit")
        try:
            self.run(connection)
        except Exception as error:
            if is_of_the_file(error):
                raise
            connection.execute("ROLLBACK TO unit")
            self._error = of_unit(error)  # handed to the caller by result()
        connection.execute("RELEASE unit")

    def fail(self, error: BaseException) -> None:
        """Settle it with the error of the whole commit; one to keep is not settled, but whoever waits is told."""
        if self.keep:
            self._setback, self.deadline = error, math.inf
            self.wake()
        else:
            self._error = error
            self.settle()

    def settle(self) -> None:
        """Let whoever waits go on."""
        self.settled = True
        self.wake()

    def wake(self) -> None:
        """Have whoever waits look whether there is something to do."""
        with suppress(RuntimeError):  # woken already
            self._asleep.release()

    def wait(self) -> None:
        """Wait until it is settled or woken."""
        self._asleep.acquire()
        if self.settled:
            self.wake()  # somebody else may wait as well

    def result(self) -> Result:
        """Return the unit's result, or raise its error, once it is committed; one to keep may be committed later."""
        self._setback = None
        self.deadline = self._committer.deadline()
        while not self.settled:
            self._committer.lead_or_wait(self)
            self.raise_setback()
        if self._error is not None:
            raise self._error
        return self._value

    def raise_setback(self) -> None:
        """Raise what kept it from being written, so far, if it is one to keep."""
        if self._setback is not None and not self.settled:
            raise self._setback
