"""What is locked by somebody else is tried again for a while, and then said to be busy: never damaged, never waited for
in SQLite's own busy handler, which would stop every greenlet."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gepa_next.errors import StoreError, UnavailableError
from gepa_next.store.database import Database
from gepa_next.store.patience import keep_trying

INSERT = "INSERT INTO counters (name, labels, value) VALUES (?, '{}', 1)"
FOREVER = float("inf")


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Database]:
    """A database that does not wait long."""
    with closing(Database(tmp_path / "test.sqlite3", gate_timeout_s=0.05)) as opened:
        yield opened


@pytest.fixture
def shell(hasty: Database) -> Iterator[sqlite3.Connection]:
    """Somebody who writes without the gate, as an operator with SQLite's shell does."""
    with closing(sqlite3.connect(hasty.path, isolation_level=None, timeout=0)) as connection:
        yield connection


def insert(database: Database, name: str) -> None:
    database.write(lambda db: db.execute(INSERT, (name,)))


def names(database: Database) -> list[str]:
    return [row["name"] for row in database.rows("SELECT name FROM counters ORDER BY name")]


def test_a_writer_gives_up_when_somebody_without_the_gate_keeps_the_lock(hasty, shell) -> None:
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError) as caught:
        insert(hasty, "late")
    assert caught.value.code == "store_busy"
    shell.execute("COMMIT")
    insert(hasty, "in time")
    assert names(hasty) == ["in time"]


def test_reading_goes_on_while_somebody_writes(hasty, shell) -> None:
    insert(hasty, "before")
    shell.execute("BEGIN IMMEDIATE")
    shell.execute(INSERT, ("not yet",))
    assert names(hasty) == ["before"]


def test_what_nobody_waits_for_is_not_given_up(hasty, shell) -> None:
    unattended = hasty.submit(lambda db: db.execute(INSERT, ("unattended",)))
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError):
        insert(hasty, "late")
    shell.execute("COMMIT")
    assert not unattended.settled
    insert(hasty, "in time")
    assert names(hasty) == ["in time", "unattended"]


def test_what_is_flushed_while_somebody_has_the_lock_stays_queued(hasty, shell) -> None:
    shell.execute("BEGIN IMMEDIATE")
    pending = [hasty.submit(lambda db, n=n: db.execute(INSERT, (n,)), keep=n == "kept") for n in ("kept", "other")]
    hasty.flush()
    assert not any(each.settled for each in pending)
    shell.execute("COMMIT")
    hasty.flush()
    assert names(hasty) == ["kept", "other"]


def test_a_lock_is_tried_again_until_it_is_free(hasty, shell) -> None:
    attempts = []
    shell.execute("BEGIN IMMEDIATE")

    def attempt() -> str:
        attempts.append(1)
        if len(attempts) == 3:
            shell.execute("COMMIT")
        with closing(sqlite3.connect(hasty.path, isolation_level=None, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        return "got it"

    assert keep_trying(attempt, until=FOREVER) == "got it"
    assert len(attempts) == 3


def test_what_is_wrong_for_good_is_not_tried_again(shell) -> None:
    attempts = []

    def attempt() -> None:
        attempts.append(1)
        shell.execute("SELECT name FROM nowhere")

    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        keep_trying(attempt, until=FOREVER)
    assert len(attempts) == 1


def test_a_database_that_somebody_keeps_to_himself_is_busy(hasty) -> None:
    hasty.close()
    with closing(sqlite3.connect(hasty.path, isolation_level=None)) as jealous:
        jealous.execute("PRAGMA locking_mode = EXCLUSIVE")
        jealous.execute("SELECT count(*) FROM jobs")
        with pytest.raises(UnavailableError) as caught:
            Database(hasty.path, gate_timeout_s=0.05)
    assert caught.value.code == "store_busy"


def test_closing_does_not_wait_for_a_writer_who_waits(tmp_path) -> None:
    patient = Database(tmp_path / "patient.sqlite3", gate_timeout_s=60)
    with closing(sqlite3.connect(patient.path, isolation_level=None, timeout=0, check_same_thread=False)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        writer = threading.Thread(target=insert, args=(patient, "late"))
        writer.start()
        while not patient._commits._lock.locked():
            pass
        patient.close(patience_s=0.01)
        assert writer.is_alive()
        shell.execute("COMMIT")
    writer.join(5)
    assert names(patient) == ["late"]  # it may still write, as nothing was closed
    patient.close()


def test_closing_does_not_try_for_long_to_write_what_nobody_waits_for(tmp_path) -> None:
    patient = Database(tmp_path / "patient.sqlite3", gate_timeout_s=3600)
    patient.submit(lambda db: db.execute(INSERT, ("unattended",)))
    with closing(sqlite3.connect(patient.path, isolation_level=None, timeout=0)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        patient.close(patience_s=0.01)
    with pytest.raises(StoreError, match="closed"):
        names(patient)


def test_whoever_has_waited_long_enough_fails_alone(database) -> None:
    shell = sqlite3.connect(database.path, isolation_level=None, timeout=0, check_same_thread=False)
    shell.execute("BEGIN IMMEDIATE")
    late = database.submit(lambda db: db.execute(INSERT, ("late",)))
    late.deadline = time.monotonic()
    writer = threading.Thread(target=insert, args=(database, "in time"))
    writer.start()
    deadline = time.monotonic() + 5
    while not late.settled and time.monotonic() < deadline:
        pass
    shell.execute("COMMIT")
    shell.close()
    writer.join(5)
    assert isinstance(late.error, UnavailableError)
    assert names(database) == ["in time"]
