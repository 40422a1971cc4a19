"""A limit in USD beside failures that nobody knows the price of: they count, and do not end the job."""

import pytest

from gepa_next.gepa.types import Budget, Role
from gepa_next.llm import faults
from gepa_next.llm.failure import Fault
from gepa_next.llm.faults import FAULTS
from gepa_next.models import Job, JobStatus
from gepa_next.store.database import Database
from gepa_next.store.evidence import list_usage
from gepa_next.store.ledger import iterate_calls
from tests.e2e.jobs_on_faults import JOB_ID, run_job
from tests.e2e.test_what_a_fault_does_to_a_job import ACTS, GOOD
from tests.support.faults import Act, FaultServer, Play, answered, failed
from tests.support.simulated_answers import USAGE

PERHAPS_PAID = [(fault, role) for fault in FAULTS if fault.billed for role in Role]
SILENT = {"prompt_tokens": 7, "completion_tokens": 3}
AMPLE_USD = 50.0


def capped(database: Database, play: Play, **changes: object) -> Job:
    budget = Budget(max_rollouts=500, max_cost_usd=AMPLE_USD)
    shape = {"iterations": 1, "population": 2, "minibatch": 2, "budget": budget}
    return run_job(database, play.base_url, **shape, **changes)


@pytest.mark.parametrize(("fault", "role"), PERHAPS_PAID, ids=lambda value: getattr(value, "name", value))
def test_a_first_call_that_was_perhaps_paid_does_not_end_the_job(
    database: Database, fault_server: FaultServer, fault: Fault, role: Role
) -> None:
    limits = {"timeout_s": 0.3} if fault is faults.DEADLINE else {"stall_s": 0.1} if fault is faults.STALLED else {}
    play = fault_server.play_by_words(([f'"acme/{role}"'], [*ACTS[fault], answered(GOOD[role], usage=USAGE)]))
    job = capped(database, play, **limits)
    assert (job.status, job.error_message) == (JobStatus.FINISHED, None)
    usage = {each.role: each for each in list_usage(database, JOB_ID)}
    assert [each for each in Role if usage[each].cost_usd is None] == [role]
    assert usage[role].known_cost_usd == pytest.approx((usage[role].calls - 1) * USAGE["cost"])


@pytest.mark.parametrize(
    "free", [[failed(400, {"code": "content_filter"})], [failed(503)] * 7], ids=["refused", "out of order"]
)
def test_a_first_call_that_cost_nothing_does_not_hide_that_answers_have_no_price(
    database: Database, fault_server: FaultServer, free: list[Act]
) -> None:
    play = fault_server.play_by_words(([f'"acme/{Role.TARGET}"'], [*free, answered("Paris", usage=SILENT)]))
    job = capped(database, play)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "unknown_price")


def test_answers_from_the_cache_do_not_hide_that_others_have_no_price(
    database: Database, fault_server: FaultServer
) -> None:
    play = fault_server.play_by_words(([f'"acme/{Role.TARGET}"'], [answered("Paris", usage=SILENT)]))
    shared = {"cache": True, "temperature": 0.0}
    assert run_job(database, play.base_url, job_id="before", iterations=1, **shared).status is JobStatus.FINISHED
    job = capped(database, play, seed=4, **shared)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "unknown_price")
    statuses = [call.status for call in iterate_calls(database, JOB_ID) if call.role is Role.TARGET]
    assert "cached" in statuses
