"""Connections: how a database file is made and opened."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gepa_next.store.patience import keep_trying
from gepa_next.store.sqlite_errors import explained

PRIVATE = 0o600


def make_private(path: Path) -> None:
    """Make the file and its folder if they are not there, to be read by their owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=PRIVATE)  # SQLite gives the files beside it the same mode


def connect(path: Path, opened: ExitStack, *, until: float) -> sqlite3.Connection:
    """Return a connection that is closed with `opened`; UnavailableError if the file is held beyond `until`."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    opened.callback(connection.close)
    connection.row_factory = sqlite3.Row
    keep_trying(lambda: connection.execute("PRAGMA synchronous = FULL"), until=until)  # the first to read the file
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextmanager
def explaining() -> Iterator[None]:
    """Raise what SQLite or the system says as an error of ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise explained(error) from error
