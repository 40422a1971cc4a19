"""The time that no runner has a job is no time that it runs."""

import pytest

from gepa_next.models import JobStatus
from gepa_next.store.database import Database
from gepa_next.store.endings import fail_job
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import RunnerIdentity, beat, claim_job, register_runner, release_job, retire_runner
from gepa_next.store.requests import Resumption, cancel_job, resume_job
from tests.store.jobs_on_file import insert, job_spec

ONE = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")
TWO = RunnerIdentity(id="two", pid=2, pid_started_at=0, boot_id="boot")
STARTED_AT, HEARD_AT = 10.0, 14.0


@pytest.fixture(autouse=True)
def running_job(database: Database) -> None:
    for runner in (ONE, TWO):
        register_runner(database, runner, now=9.0, monotonic=0.0)
    insert(database)
    claim(database, ONE, at=STARTED_AT)
    beat(database, ONE, now=HEARD_AT, monotonic=5.0, draining=False)


def claim(database: Database, runner: RunnerIdentity, *, at: float) -> None:
    assert claim_job(database, runner, now=at) is not None


def resume(database: Database, *, at: float) -> None:
    seen = get_job(database, "job-1").last_event_id
    resume_job(database, Resumption(job_id="job-1", spec=job_spec(), seen_event_id=seen), now=at)


def cancel(database: Database, *, at: float) -> None:
    cancel_job(database, "job-1", token_id="token", now=at)  # noqa: S106 - an id


def paused_s(database: Database) -> float:
    return get_job(database, "job-1").paused_s


def test_a_job_that_waited_for_its_first_runner_has_no_pause(database: Database) -> None:
    assert paused_s(database) == 0.0


def test_a_job_whose_runner_was_struck_off_paused_since_it_was_last_heard_of(database: Database) -> None:
    retire_runner(database, ONE.id)
    claim(database, TWO, at=40.0)
    assert paused_s(database) == 40.0 - HEARD_AT


def test_a_runner_that_died_before_it_was_heard_of_again_left_at_its_last_write(database: Database) -> None:
    retire_runner(database, ONE.id)
    claim(database, TWO, at=40.0)  # heard of at 9
    retire_runner(database, TWO.id)
    register_runner(database, TWO, now=60.0, monotonic=0.0)
    claim(database, TWO, at=60.0)
    assert paused_s(database) == (40.0 - HEARD_AT) + (60.0 - 40.0)


def test_a_job_that_was_put_back_paused_since_then(database: Database) -> None:
    release_job(database, "job-1", epoch=1, now=16.0)
    claim(database, TWO, at=40.0)
    assert paused_s(database) == 40.0 - 16.0


def test_a_job_that_is_resumed_pauses_until_a_runner_has_it(database: Database) -> None:
    fail_job(database, "job-1", epoch=1, now=20.0, code="c", message="m")
    resume(database, at=30.0)
    claim(database, ONE, at=40.0)
    assert paused_s(database) == 40.0 - 20.0


def test_a_job_that_is_cancelled_while_it_waits_had_paused_until_then(database: Database) -> None:
    retire_runner(database, ONE.id)
    cancel(database, at=30.0)
    assert paused_s(database) == 30.0 - HEARD_AT
    resume(database, at=35.0)
    claim(database, TWO, at=40.0)
    assert (paused_s(database), get_job(database, "job-1").status) == (40.0 - HEARD_AT, JobStatus.RUNNING)


def test_a_job_that_was_cancelled_before_it_ran_has_no_pause(database: Database) -> None:
    insert(database, "other")
    cancel_job(database, "other", token_id="token", now=20.0)  # noqa: S106 - an id
    seen = get_job(database, "other").last_event_id
    resume_job(database, Resumption(job_id="other", spec=job_spec(), seen_event_id=seen), now=30.0)
    claim(database, TWO, at=40.0)
    assert get_job(database, "other").paused_s == 0.0


def test_a_clock_that_was_set_back_makes_no_pause_negative(database: Database) -> None:
    retire_runner(database, ONE.id)
    claim(database, TWO, at=5.0)
    assert paused_s(database) == 0.0
