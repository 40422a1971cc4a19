"""A lock file per runner: the kernel lets go of it when the process dies, whatever it died of."""

import fcntl
import os
from pathlib import Path


class RunnerLock:
    """Held by a runner as long as it lives; whoever takes it closes it."""

    def __init__(self, database: Path, runner_id: str) -> None:
        self._path = _lock_path(database, runner_id)
        self._path.touch(mode=0o600)
        self._file = self._path.open("ab")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def touch(self) -> None:
        """Give others a sign of life, which takes neither room on the disk nor a lock; OSError if it cannot be given.

        FileNotFoundError if they have struck the runner off.
        """
        os.utime(self._path)

    def close(self) -> None:
        """Let go and remove the file."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def is_dead(database: Path, runner_id: str) -> bool:
    """Say whether the runner's process is gone; one that is stopped or hangs is not."""
    try:
        with _lock_path(database, runner_id).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def last_sign(database: Path, runner_id: str) -> int:
    """Return what changes with every sign of life of the runner; 0 if its file is gone."""
    try:
        return _lock_path(database, runner_id).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def remove_lock(database: Path, runner_id: str) -> None:
    """Remove a dead runner's file."""
    _lock_path(database, runner_id).unlink(missing_ok=True)


def _lock_path(database: Path, runner_id: str) -> Path:
    return database.with_name(f"{database.name}.runner-{runner_id}")
