"""Migrations: numbered SQL files, forward only, each applied whole or not at all."""

import sqlite3
from collections.abc import Iterator
from importlib.resources import files

from gepa_next.errors import StoreError

APPLICATION_ID = 0x47455041  # "GEPA"


def needs_migration(connection: sqlite3.Connection) -> bool:
    """Say whether the schema is older than this version's, or the file has no write-ahead log, as a backup has none.

    StoreError if it is not ours or is newer than we are.
    """
    return _version_of(connection) < schema_version() or _journal_mode(connection) != "wal"


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to this version's schema; the caller lets nobody else write meanwhile."""
    version = _version_of(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    for number, script in migrations():
        if number > version:
            _apply(connection, number, script)


def schema_version() -> int:
    """Return the number of the newest migration this version knows."""
    return max(number for number, _ in migrations())


def migrations() -> list[tuple[int, str]]:
    """Return (number, SQL) of every migration, in order."""
    found = files("gepa_next.store").joinpath("migrations").iterdir()
    names = sorted((file.name, file) for file in found if file.name.endswith(".sql"))
    return [(int(name[:4]), file.read_text(encoding="utf-8")) for name, file in names]


def _version_of(connection: sqlite3.Connection) -> int:
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if application != APPLICATION_ID and tables:
        raise StoreError("not_ours", "the database file belongs to another program; set DATABASE_PATH")
    if version > schema_version():
        raise StoreError("newer_schema", f"the database has schema {version}; this version knows {schema_version()}")
    return version


def _journal_mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def _apply(connection: sqlite3.Connection, number: int, script: str) -> None:
    # Not executescript: it commits the open transaction first.
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _statements(script):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
