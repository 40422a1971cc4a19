import pytest

from gepa_next.errors import Interrupted
from gepa_next.gepa.steps import Delta, Step
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import (
    Claim,
    RunnerIdentity,
    anything_to_claim,
    claim_job,
    lost_jobs,
    register_runner,
    release_job,
    retire_runner,
)
from gepa_next.store.requests import Resumption, cancel_job, resume_job
from gepa_next.store.runs import Progress, record_step
from tests.store.jobs_on_file import insert, job_spec

ONE = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")
TWO = RunnerIdentity(id="two", pid=2, pid_started_at=0, boot_id="boot")
NOTHING = Progress(iteration=0, rollouts=0, seed_score=None, best_score=None, best_candidate_id=0)
STEP = Step(key="0/x", stage="seed", data={"iteration": 0}, delta=Delta())


def claim(database: Database, runner: RunnerIdentity) -> Claim | None:
    return claim_job(database, runner, now=1.0)


@pytest.fixture(autouse=True)
def runners(database: Database) -> None:
    for runner in (ONE, TWO):
        register_runner(database, runner, now=1.0, monotonic=0.0)


def test_a_job_is_claimed_by_one_runner_only(database: Database) -> None:
    insert(database)
    assert claim(database, ONE) == Claim(job_id="job-1", epoch=1, resumed=False)
    assert claim(database, TWO) is None


def test_the_oldest_job_is_claimed_first(database: Database) -> None:
    for job_id in ("b", "a"):
        insert(database, job_id)
    database.write(lambda db: db.execute("UPDATE jobs SET created_at = 0 WHERE id = 'a'"))
    found = claim(database, ONE)
    assert found is not None
    assert found.job_id == "a"


def test_the_job_of_a_runner_that_was_struck_off_is_taken_over_and_says_so(database: Database) -> None:
    insert(database)
    claim(database, ONE)
    retire_runner(database, ONE.id)
    assert claim(database, TWO) == Claim(job_id="job-1", epoch=2, resumed=True)
    kinds = [event.type for event in list_events(database, "job-1", after=0, limit=9)]
    assert kinds == ["started", "resumed"]


def resumed_after_a_run_of(database: Database, runner: RunnerIdentity) -> Claim:
    insert(database)
    first = claim(database, runner)
    assert first is not None
    cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
    seen = get_job(database, "job-1").last_event_id
    resume_job(database, Resumption(job_id="job-1", spec=job_spec(), seen_event_id=seen), now=3.0)
    return first


def test_a_resumed_job_is_its_last_owners_until_that_one_releases_it(database: Database) -> None:
    first = resumed_after_a_run_of(database, ONE)
    assert not anything_to_claim(database, TWO)
    assert claim(database, TWO) is None
    release_job(database, "job-1", epoch=first.epoch, now=4.0)
    assert anything_to_claim(database, TWO)
    assert claim(database, TWO) is not None


def test_a_resumed_job_may_be_taken_by_its_last_owner_who_then_keeps_it_from_others(database: Database) -> None:
    first = resumed_after_a_run_of(database, ONE)
    second = claim(database, ONE)
    assert second is not None
    release_job(database, "job-1", epoch=first.epoch, now=4.0)
    assert claim(database, TWO) is None


def test_a_resumed_job_whose_last_owner_was_struck_off_is_anybodys(database: Database) -> None:
    resumed_after_a_run_of(database, ONE)
    retire_runner(database, ONE.id)
    assert claim(database, TWO) is not None


def test_a_former_owner_writes_nothing(database: Database) -> None:
    insert(database)
    claim(database, ONE)
    retire_runner(database, ONE.id)
    claim(database, TWO)
    with pytest.raises(Interrupted):
        record_step(database, "job-1", epoch=1, step=STEP, progress=NOTHING, now=2.0).result()
    assert record_step(database, "job-1", epoch=2, step=STEP, progress=NOTHING, now=2.0).result()


def test_a_former_owner_is_told_what_it_lost(database: Database) -> None:
    insert(database)
    claim(database, ONE)
    assert lost_jobs(database, [("job-1", 1)]) == set()
    retire_runner(database, ONE.id)
    claim(database, TWO)
    assert lost_jobs(database, [("job-1", 1)]) == {("job-1", 1)}


def test_a_runner_that_was_struck_off_claims_nothing_until_it_is_entered_again(database: Database) -> None:
    insert(database)
    retire_runner(database, ONE.id)
    assert claim(database, ONE) is None
    register_runner(database, ONE, now=1.0, monotonic=0.0)
    assert claim(database, ONE) is not None
