"""Checks of the database file, at start and while it is in use."""

from gepa_next.errors import StoreError
from gepa_next.store.database import Database


def check_at_start(database: Database) -> None:
    """Raise StoreError when the file is damaged or cannot be written; reads all of it once."""
    found = [str(row[0]) for row in database.rows("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        raise StoreError("damaged", f"the database is damaged, restore a backup: {found[0].strip()}")
    probe_write(database)


def probe_write(database: Database) -> None:
    """Take and release the write lock without changing anything; raises what a writer would meet."""
    database.write(lambda db: db.execute("UPDATE counters SET value = value WHERE 0"))


def current_schema(database: Database) -> int:
    """Return the schema number of the file."""
    return int(database.rows("PRAGMA user_version")[0][0])
