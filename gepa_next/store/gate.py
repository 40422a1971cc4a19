"""The write gate: a lock file that lets one process at a time write to the database."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gepa_next.store.patience import keep_trying


class Gate:
    """An exclusive lock between processes, taken without blocking the thread's event loop."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._file = path.open("ab")

    @contextmanager
    def __call__(self, *, until: float) -> Iterator[None]:
        """Hold the gate; UnavailableError when another process keeps it beyond `until` on the monotonic clock."""
        keep_trying(lambda: fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB), until=until)
        try:
            yield
        finally:
            self.leave()

    def leave(self) -> None:
        """Let others in; whoever has left may leave again."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the lock file, letting go of the gate."""
        self._file.close()
