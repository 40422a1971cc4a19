"""Patience: what is in other hands just now is tried again, without blocking the thread's event loop."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gepa_next.errors import UnavailableError
from gepa_next.store.sqlite_errors import primary_code

SHORTEST_WAIT_S = 0.0005
LONGEST_WAIT_S = 0.01
Result = TypeVar("Result")


@dataclass(slots=True)
class Patience:
    """How long whatever uses one database waits for other processes; less once it closes."""

    timeout_s: float

    def deadline(self) -> float:
        """Return until when, on the monotonic clock, something that begins now may wait."""
        return time.monotonic() + self.timeout_s


def keep_trying(attempt: Callable[[], Result], *, until: float) -> Result:
    """Return the attempt's result, again and again while somebody else holds the lock it needs.

    UnavailableError once it is later than `until`, in seconds of the monotonic clock.
    """
    wait_s = SHORTEST_WAIT_S
    while True:
        try:
            return attempt()
        except (BlockingIOError, sqlite3.OperationalError) as error:
            if not _is_held(error):
                raise
            if time.monotonic() >= until:
                raise busy() from None
        # A blocking flock, or SQLite's own busy handler, would stop every greenlet of the process while it waits.
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


def busy() -> UnavailableError:
    """Return what whoever waited in vain is told."""
    return UnavailableError("store_busy", "the database is busy; try again")


def _is_held(error: BlockingIOError | sqlite3.OperationalError) -> bool:
    return isinstance(error, BlockingIOError) or primary_code(error) == sqlite3.SQLITE_BUSY
