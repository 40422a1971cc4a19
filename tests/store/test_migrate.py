"""A file with data in it goes from one schema to the next whole or not at all, and another's is refused."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gepa_next.errors import StoreError
from gepa_next.store.database import Database
from gepa_next.store.migrate import MIGRATIONS, migrate, needs_migration, schema_version
from tests.store.jobs_on_file import insert

NEXT = schema_version() + 1
ADDITION = """
ALTER TABLE jobs ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey';
UPDATE jobs SET colour = 'blue';
CREATE TABLE colours (name TEXT PRIMARY KEY) STRICT;
INSERT INTO colours SELECT DISTINCT colour FROM jobs;
"""
KNOWN = (*MIGRATIONS, (NEXT, ADDITION))
# Each statement of the addition is the last before a kill once.
KILLED = """
import os, signal, sqlite3, sys
from gepa_next.store.migrate import MIGRATIONS, migrate
from tests.store.test_migrate import ADDITION, NEXT
statements = ADDITION.strip().splitlines()
statements.insert(int(sys.argv[2]), "SELECT die();")
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
migrate(connection, (*MIGRATIONS, (NEXT, "\\n".join(statements))))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of this version with two jobs."""
    with closing(Database(tmp_path / "old.sqlite3")) as database:
        insert(database, "a")
        insert(database, "b")
    return tmp_path / "old.sqlite3"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        yield opened


def dump(connection: sqlite3.Connection) -> list[str]:
    return list(connection.iterdump())


def test_a_file_with_data_gets_the_next_schema_and_keeps_its_data(connection: sqlite3.Connection) -> None:
    assert needs_migration(connection, KNOWN)
    migrate(connection, KNOWN)
    assert not needs_migration(connection, KNOWN)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == NEXT
    assert connection.execute("SELECT id, colour FROM jobs ORDER BY id").fetchall() == [("a", "blue"), ("b", "blue")]
    assert connection.execute("SELECT count(*) FROM examples").fetchone()[0] == 48


@pytest.mark.parametrize("after", range(5))
def test_a_migration_that_was_killed_changed_nothing_and_can_be_made_again(path: Path, after: int) -> None:
    with closing(sqlite3.connect(path)) as before:
        old = dump(before)
    killed = subprocess.run([sys.executable, "-c", KILLED, path, str(after)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(path, isolation_level=None)) as again:
        assert dump(again) == old
        assert needs_migration(again, KNOWN)
        migrate(again, KNOWN)
        assert not needs_migration(again, KNOWN)


def test_a_migration_that_fails_changed_nothing(connection: sqlite3.Connection) -> None:
    old = dump(connection)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, (*MIGRATIONS, (NEXT, ADDITION.replace("FROM jobs", "FROM nowhere"))))
    assert dump(connection) == old
    assert not needs_migration(connection)


def test_a_file_with_the_next_schema_is_refused_by_this_version(path: Path, connection: sqlite3.Connection) -> None:
    migrate(connection, KNOWN)
    connection.close()
    with pytest.raises(StoreError, match=f"schema {NEXT}; this version knows {schema_version()}"):
        Database(path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE calls DROP COLUMN doubtful", "calls"),
        ("ALTER TABLE jobs ADD COLUMN colour TEXT", "jobs"),
        ("DROP INDEX jobs_by_status", "jobs_by_status"),
        ("DROP TABLE bank", "bank, bank_by_content, bank_changes, bank_grows, bank_shrinks"),
    ],
)
def test_a_file_of_the_same_number_with_another_schema_is_refused(
    path: Path, connection: sqlite3.Connection, change: str, named: str
) -> None:
    connection.execute(change)
    connection.close()
    with pytest.raises(
        StoreError, match=rf"another schema {schema_version()} than this version's \({named}\)"
    ) as caught:
        Database(path)
    assert caught.value.code == "other_schema"


def test_an_older_file_with_another_schema_is_not_migrated(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE calls DROP COLUMN doubtful")
    with pytest.raises(StoreError, match="another schema"):
        needs_migration(connection, KNOWN)
    with pytest.raises(StoreError, match="another schema"):
        migrate(connection, KNOWN)


def test_what_somebody_adds_for_himself_is_his_affair(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("CREATE INDEX mine ON jobs (stop_reason)")
    connection.execute("ANALYZE")
    connection.close()
    Database(path).close()


def test_neither_comments_nor_a_table_renamed_to_and_fro_make_another_schema(
    path: Path, connection: sqlite3.Connection
) -> None:
    commented = tuple(
        (number, script.replace("owner TEXT,", "owner TEXT, -- a runner\n")) for number, script in MIGRATIONS
    )
    assert not needs_migration(connection, commented)
    connection.execute("ALTER TABLE counters RENAME TO others")
    connection.execute("ALTER TABLE others RENAME TO counters")
    connection.close()
    Database(path).close()
