"""Checks of the database file while it is in use."""

from gepa_next.store.database import Database


def probe_write(database: Database) -> None:
    """Take and release the write lock without changing anything; raises what a writer would meet."""
    database.write(lambda db: db.execute("UPDATE counters SET value = value WHERE 0"))


def current_schema(database: Database) -> int:
    """Return the schema number of the file."""
    return int(database.rows("PRAGMA user_version")[0][0])
