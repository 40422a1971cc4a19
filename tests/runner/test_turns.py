"""A runner goes on through errors at an even pace, and says each once."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from gepa_next.errors import StoreError
from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobStatus
from gepa_next.runner import runner
from gepa_next.runner.runner import LOOK_S
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job
from gepa_next.turns import Turn
from tests.runner.running import running, turns, wait_for
from tests.store.jobs_on_file import insert


def raising(errors: Iterator[Exception | None]) -> Callable[[], None]:
    def work() -> None:
        if (error := next(errors)) is not None:
            raise error

    return work


def test_an_error_is_logged_when_it_changes_and_when_it_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    full, busy = StoreError("s", "full"), StoreError("s", "busy")
    turn = Turn("it fails", raising(iter([full, full, busy, busy, None, busy])))
    assert [turn() for _ in range(6)] == [False, False, False, False, True, False]
    assert [record.message for record in caplog.records] == ["it fails: full", "it fails: busy", "it fails: busy"]


def test_an_error_of_ours_is_outlived_too_and_logged_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    assert not Turn("it fails", raising(iter([ZeroDivisionError()])))()
    assert "ZeroDivisionError" in caplog.text


@pytest.fixture
def damaged(database: Database) -> Database:
    """A database with a job that cannot be claimed, because nothing can be written about it."""
    insert(database)
    database.write(lambda db: db.execute("ALTER TABLE events RENAME TO lost"))
    return database


def heartbeats(database: Database) -> list[float]:
    return [row["heartbeat_at"] for row in database.rows("SELECT heartbeat_at FROM runners")]


def test_a_runner_that_cannot_claim_says_so_once_and_lets_its_heartbeat_grow_old(
    damaged: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BEAT_S", 0.0)
    with running(damaged, Simulator()) as failing:
        turns(failing, 2)
        before = heartbeats(damaged)
        turns(failing, 3)
        assert heartbeats(damaged) == before
        assert sum("no such table" in record.message for record in caplog.records) == 1
        damaged.write(lambda db: db.execute("ALTER TABLE lost RENAME TO events"))
        wait_for(damaged, lambda: get_job(damaged, "job-1").status is not JobStatus.QUEUED)


def test_a_runner_that_fails_is_not_hurried_by_those_who_write(damaged: Database) -> None:
    with running(damaged, Simulator()) as failing:
        turns(failing, 2)
        began, seen = time.monotonic(), set()
        while time.monotonic() - began < 5 * LOOK_S:
            with suppress(StoreError):  # when it shares the commit of a claim
                damaged.write(lambda db: db.execute("UPDATE counters SET value = value"))
            seen.add(failing._turn_began)
        assert 1 < len(seen) <= (time.monotonic() - began) / LOOK_S + 2
