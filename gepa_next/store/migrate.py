"""Migrations: numbered SQL files, forward only, each applied whole or not at all."""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from importlib.resources import files

from gepa_next.errors import StoreError

APPLICATION_ID = 0x47455041  # "GEPA"
# What SQLite, or an analysis that somebody had made, adds by itself is no part of the schema.
_SCHEMA = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
_NO_MATTER = re.compile(r'--[^\n]*|"')  # comments, and the quotes that renaming puts around a name

Migrations = tuple[tuple[int, str], ...]


def _shipped() -> Migrations:
    """Return (number, SQL) of every migration, in order."""
    found = files("gepa_next.store").joinpath("migrations").iterdir()
    names = sorted((file.name, file) for file in found if file.name.endswith(".sql"))
    return tuple((int(name[:4]), file.read_text(encoding="utf-8")) for name, file in names)


MIGRATIONS = _shipped()


def schema_version(known: Migrations = MIGRATIONS) -> int:
    """Return the number of the newest migration this version knows."""
    return max(number for number, _ in known)


def needs_migration(connection: sqlite3.Connection, known: Migrations = MIGRATIONS) -> bool:
    """Say whether the schema is older than this version's, or the file has no write-ahead log, as a backup has none.

    StoreError if it is not ours, is newer than we are, or is not what our migrations up to its number make.
    """
    with _at_one_moment(connection):
        return _version_of(connection, known) < schema_version(known) or _journal_mode(connection) != "wal"


def migrate(connection: sqlite3.Connection, known: Migrations = MIGRATIONS) -> None:
    """Bring the database to this version's schema; the caller lets nobody else write meanwhile."""
    version = _version_of(connection, known)
    connection.execute("PRAGMA journal_mode = WAL")
    for number, script in known:
        if number > version:
            _apply(connection, number, script)


@contextmanager
def _at_one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Have all that is read be of one moment, though another process migrates meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version_of(connection: sqlite3.Connection, known: Migrations) -> int:
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if application != APPLICATION_ID and tables:
        raise StoreError("not_ours", "the database file belongs to another program; set DATABASE_PATH")
    if version > schema_version(known):
        raise StoreError(
            "newer_schema", f"the database has schema {version}; this version knows {schema_version(known)}"
        )
    _refuse_other_schema(connection, version, known)
    return version


def _refuse_other_schema(connection: sqlite3.Connection, version: int, known: Migrations) -> None:
    """Raise StoreError if the file was made by other migrations of the same number; what was added to it may stay."""
    found, expected = _schema_of(connection), _schema_made_by(tuple(sql for number, sql in known if number <= version))
    other = sorted(name for name in expected if found.get(name) != expected[name])
    if other:
        raise StoreError(
            "other_schema",
            f"the database has another schema {version} than this version's ({', '.join(other)}): use the version that"
            " made it, or set DATABASE_PATH to a new file",
        )


@cache
def _schema_made_by(scripts: tuple[str, ...]) -> Mapping[str, str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in scripts:
            connection.executescript(script)
        return _schema_of(connection)


def _schema_of(connection: sqlite3.Connection) -> Mapping[str, str]:
    return {name: " ".join(_NO_MATTER.sub("", sql).split()) for name, sql in connection.execute(_SCHEMA)}


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
