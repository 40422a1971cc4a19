"""Checks of the database file, at start and while it is in use."""

import os

from gepa_next.errors import DamagedError, StoreError, UnavailableError
from gepa_next.store.database import Database


def check_at_start(database: Database) -> bool:
    """Say whether the file can be written just now; StoreError when it is damaged or never can; reads all of it once.

    False is no reason not to start: whoever keeps others from writing may hang, and only a runner ends such a one.
    """
    refuse_read_only(database)
    refuse_damaged(database)
    try:
        probe_write(database)
    except UnavailableError:
        return False
    return True


def refuse_damaged(database: Database) -> None:
    """Raise DamagedError when the file is damaged; reads all of it once."""
    found = [str(row[0]) for row in database.rows("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        said = " ".join(found[0].split())  # on one line
        raise DamagedError(f"the database is damaged, restore a backup: {said}")


def refuse_read_only(database: Database) -> None:
    """Raise StoreError when this process may not write to the file; waits for nobody who does."""
    # Asked of the kernel: to open and close the file would drop SQLite's locks.
    if not os.access(database.path, os.W_OK):
        raise StoreError("read_only", "the database file may not be written")


def probe_write(database: Database) -> None:
    """Take and release the write lock without changing anything; raises what a writer would meet."""
    database.write(lambda db: db.execute("UPDATE counters SET value = value WHERE 0"))


def current_schema(database: Database) -> int:
    """Return the schema number of the file."""
    return int(database.rows("PRAGMA user_version")[0][0])
