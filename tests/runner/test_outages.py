"""A job whose model dies ends `failed`, keeps its best, and goes on when the model is mended as if nothing had been."""

import threading

import pytest

from gepa_next.errors import ModelError
from gepa_next.gepa.outages import IN_A_ROW
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import Job, JobStatus
from gepa_next.store.database import Database
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts
from gepa_next.store.requests import Resumption, resume_job
from tests.runner.running import TIMEOUT_S, ended, running
from tests.store.jobs_on_file import insert, job_spec

CALLS_AT_ONCE = 8
SPEC = {"population": 8, "seed": 2}  # enough of the second iteration's proposals ask the reflector
CODES = {Role.TARGET: "too_many_errors", Role.JUDGE: "judge_unreadable", Role.REFLECTOR: "reflector_failed"}


class Mortal:
    """The simulator, of which one role, if any, dies when the reflector is first asked in the second iteration.

    Calls beyond the few that an outage may cost hang until they are `let_go`: nobody may wait for them.
    """

    def __init__(self, role: Role | None, *, dead: bool = False) -> None:
        self.role = role
        self.dead = dead
        self.answered: list[str] = []
        self.failed: list[str] = []
        self.let_go = threading.Event()
        self.was_waited_for = False

    def __call__(self, call: ModelCall) -> Completion:
        self.dead |= call.key.startswith("2/reflector")
        if self.dead and call.role is self.role:
            self.failed.append(call.key)
            if len(self.failed) > IN_A_ROW + CALLS_AT_ONCE and not self.let_go.wait(TIMEOUT_S):
                self.was_waited_for = True
            raise ModelError("malformed_reply", "gibberish") if self.role is Role.JUDGE else ModelError("timeout", "-")
        self.answered.append(call.key)
        return Simulator()(call)


@pytest.fixture
def undisturbed(database: Database) -> str:
    """The id of a job that has run to its end without trouble."""
    job_id = insert(database, "undisturbed", **SPEC)
    with running(database, Simulator()):
        ended(database, job_id)
    return job_id


@pytest.mark.parametrize("role", list(Role))
def test_a_job_that_an_outage_ended_ends_where_an_undisturbed_one_does_once_the_model_is_mended(
    database: Database, undisturbed: str, role: Role
) -> None:
    dying, mended = Mortal(role), Mortal(None)
    insert(database, **SPEC)
    with running(database, dying):
        broken = ended(database)
        dying.let_go.set()
    assert (broken.status, broken.error_code, broken.iteration) == (JobStatus.FAILED, CODES[role], 1)
    resume(database, broken)
    with running(database, mended):
        assert ended(database).status is JobStatus.FINISHED
    assert list(iterate_candidates(database, "job-1")) == list(iterate_candidates(database, undisturbed))
    assert list(iterate_rollouts(database, "job-1")) == list(iterate_rollouts(database, undisturbed))
    assert set(dying.failed) <= set(mended.answered)
    assert not set(dying.answered) & set(mended.answered)


@pytest.mark.parametrize("role", list(Role))
def test_an_outage_costs_few_calls_and_leaves_the_best_so_far(database: Database, undisturbed: str, role: Role) -> None:
    dying = Mortal(role)
    insert(database, **SPEC)
    with running(database, dying):
        job = ended(database)
        dying.let_go.set()
    assert not dying.was_waited_for
    first = [each for each, _ in iterate_candidates(database, undisturbed) if each.iteration <= 1]
    assert [each for each, _ in iterate_candidates(database, "job-1") if each.iteration <= 1] == first
    assert job.best_prompt in {each.text for each in first}
    assert job.best_score is not None
    assert job.error_message
    assert "resume the job" in job.error_message


def test_a_job_resumed_before_its_model_is_mended_fails_again_in_a_few_calls(database: Database) -> None:
    dead = Mortal(Role.TARGET)
    insert(database, **SPEC)
    with running(database, dead):
        broken = ended(database)
        dead.let_go.set()
    resume(database, broken)
    still_dead = Mortal(Role.TARGET, dead=True)
    with running(database, still_dead):
        job = ended(database)
        still_dead.let_go.set()
    assert (job.status, job.error_code) == (JobStatus.FAILED, "too_many_errors")
    assert still_dead.failed
    assert not still_dead.was_waited_for


def resume(database: Database, job: Job) -> None:
    spec = job_spec(**SPEC)
    resume_job(database, Resumption(job_id=job.id, spec=spec, seen_event_id=job.last_event_id), now=3.0)
