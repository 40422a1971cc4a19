import pytest

from gepa_next.errors import Interrupted
from gepa_next.gepa.steps import Delta, Step
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.leases import (
    LEASE_S,
    Claim,
    RunnerIdentity,
    beat,
    claim_job,
    lost_jobs,
    register_runner,
    retire_runner,
)
from gepa_next.store.runs import Progress, record_step
from tests.store.jobs_on_file import insert

ONE = RunnerIdentity(id="one", pid=1, boot_id="boot")
TWO = RunnerIdentity(id="two", pid=2, boot_id="boot")
NOTHING = Progress(iteration=0, rollouts=0, seed_score=None, best_score=None, best_candidate_id=0)
STEP = Step(key="0/x", stage="seed", data={"iteration": 0}, delta=Delta())


def claim(database: Database, runner: RunnerIdentity, *, at: float = 0.0) -> Claim | None:
    return claim_job(database, runner, now=1.0, monotonic=at, lease_s=LEASE_S)


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


def test_a_silent_owners_job_is_taken_over_and_says_so(database: Database) -> None:
    insert(database)
    claim(database, ONE)
    beat(database, TWO, monotonic=LEASE_S + 1, draining=False)
    assert claim(database, TWO, at=LEASE_S + 1) == Claim(job_id="job-1", epoch=2, resumed=True)
    kinds = [event.type for event in list_events(database, "job-1", after=0, limit=9)]
    assert kinds == ["started", "resumed"]


def test_a_lease_lives_as_long_as_its_owner_beats(database: Database) -> None:
    insert(database)
    claim(database, ONE)
    beat(database, ONE, monotonic=LEASE_S, draining=False)
    assert claim(database, TWO, at=LEASE_S + 1) is None


def test_an_owner_of_another_boot_is_gone_whatever_its_clock_said(database: Database) -> None:
    insert(database)
    claim(database, ONE)
    rebooted = RunnerIdentity(id="three", pid=3, boot_id="another")
    register_runner(database, rebooted, now=1.0, monotonic=0.0)
    assert claim(database, rebooted) == Claim(job_id="job-1", epoch=2, resumed=True)


def test_a_former_owner_writes_nothing(database: Database) -> None:
    insert(database)
    claim(database, ONE)
    claim(database, TWO, at=LEASE_S + 1)
    with pytest.raises(Interrupted):
        record_step(database, "job-1", epoch=1, step=STEP, progress=NOTHING, now=2.0)
    assert record_step(database, "job-1", epoch=2, step=STEP, progress=NOTHING, now=2.0)


def test_a_former_owner_is_told_what_it_lost(database: Database) -> None:
    insert(database)
    claim(database, ONE)
    assert lost_jobs(database, {"job-1": 1}) == set()
    claim(database, TWO, at=LEASE_S + 1)
    assert lost_jobs(database, {"job-1": 1}) == {"job-1"}


def test_a_runner_that_retires_leaves_its_jobs_in_the_queue(database: Database) -> None:
    insert(database)
    claim(database, ONE)
    retire_runner(database, ONE)
    assert claim(database, TWO) == Claim(job_id="job-1", epoch=2, resumed=True)
