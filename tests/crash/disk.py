"""A disk that is full for one process: its files may not grow."""

import resource
from contextlib import suppress
from pathlib import Path

from gepa_next.store.database import Database

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def fill(pid: int, database: Path) -> None:
    """Let no file of the process grow beyond the size of the log that takes the commits."""
    size = database.with_name(f"{database.name}-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def make_room(pid: int) -> None:
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, UNLIMITED)


class Stuck:
    """Says whether nothing has been committed for so many looks."""

    def __init__(self, database: Database, looks: int = 12) -> None:
        self._database = database
        self._looks = looks
        self._version, self._same = -1, 0

    def __call__(self) -> bool:
        version = self._database.rows("PRAGMA data_version")[0][0]  # changes with every commit of others
        self._same = self._same + 1 if version == self._version else 0
        self._version = version
        return self._same >= self._looks
