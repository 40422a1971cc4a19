"""The write gate: a lock file that lets one process at a time write to the database."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gepa_next.errors import UnavailableError

SHORTEST_WAIT_S = 0.0005
LONGEST_WAIT_S = 0.01


class Gate:
    """An exclusive lock between processes, taken without blocking the thread's event loop."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        path.touch(mode=0o600)
        self._file = path.open("ab")
        self._timeout_s = timeout_s

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold the gate; UnavailableError when another process keeps it for longer than the time-out."""
        deadline = time.monotonic() + self._timeout_s
        wait_s = SHORTEST_WAIT_S
        while not self._taken():
            if time.monotonic() > deadline:
                raise UnavailableError("store_busy", "the database is busy; try again")
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the lock file, letting go of the gate."""
        self._file.close()

    def _taken(self) -> bool:
        # flock would block every greenlet of the process while it waits: LOCK_NB and a cooperative sleep instead.
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
