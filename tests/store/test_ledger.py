from dataclasses import replace

import pytest

from gepa_next.errors import Interrupted
from gepa_next.gepa.types import Role
from gepa_next.models import LedgerCall
from gepa_next.store.counters import list_counters
from gepa_next.store.database import Database
from gepa_next.store.evidence import list_usage
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner
from gepa_next.store.ledger import (
    Holder,
    begin_call,
    decide_once,
    decisions_of,
    end_call,
    has_answered,
    iterate_calls,
    list_outcomes,
)
from gepa_next.store.requests import Resumption, cancel_job, resume_job
from tests.store.jobs_on_file import insert, job_spec

ONE = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")
INTENT = LedgerCall(
    key="target/0/e1", role=Role.TARGET, model_id="m", request_sha256="hash", attempts=1, status="started"
)
OUTCOME = replace(INTENT, status="done", text="yes", sends=2, input_tokens=10, output_tokens=3, cost_usd=0.25)


@pytest.fixture
def holder(database: Database) -> Holder:
    insert(database)
    register_runner(database, ONE, now=1.0, monotonic=0.0)
    claim = claim_job(database, ONE, now=1.0)
    assert claim is not None
    return Holder(job_id=claim.job_id, epoch=claim.epoch)


def test_a_call_has_no_outcome_until_it_is_written(database: Database, holder: Holder) -> None:
    assert begin_call(database, holder, INTENT, now=1.0) is None
    end_call(database, holder, OUTCOME).result()
    found = begin_call(database, holder, INTENT, now=2.0)
    assert found is not None
    assert (found.text, found.sends, found.attempts) == ("yes", 2, 1)


def test_a_call_of_unknown_outcome_is_counted_again(database: Database, holder: Holder) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    again = begin_call(database, holder, INTENT, now=2.0)
    assert again is not None
    assert again.status == "started"
    (call,), (usage,) = list(iterate_calls(database, "job-1")), list_usage(database, "job-1")
    assert (call.attempts, call.lost, again.lost, usage.calls) == (2, 1, 1, 1)


def test_a_call_of_unknown_outcome_has_an_unknown_cost_beside_what_is_known(database: Database, holder: Holder) -> None:
    for now in (1.0, 2.0):
        begin_call(database, holder, INTENT, now=now)
    end_call(database, holder, OUTCOME).result()
    (call,), (usage,) = list(iterate_calls(database, "job-1")), list_usage(database, "job-1")
    assert (call.cost_usd, usage.cost_usd, usage.known_cost_usd) == (0.25, None, 0.25)


def test_requests_that_were_perhaps_paid_leave_the_cost_of_the_others_known(database: Database, holder: Holder) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    end_call(database, holder, replace(OUTCOME, doubtful=1)).result()
    (call,), (usage,) = list(iterate_calls(database, "job-1")), list_usage(database, "job-1")
    assert (call.cost_usd, call.doubtful, usage.cost_usd, usage.known_cost_usd) == (0.25, 1, None, 0.25)


def test_another_request_under_the_same_key_is_another_call(database: Database, holder: Holder) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    end_call(database, holder, OUTCOME).result()
    assert begin_call(database, holder, replace(INTENT, request_sha256="other"), now=2.0) is None


def test_the_outcomes_at_one_place_come_with_the_last_one_first(database: Database, holder: Holder) -> None:
    for now, model_id in ((2.0, "b"), (3.0, "a"), (1.0, "c")):
        call = replace(OUTCOME, model_id=model_id, request_sha256=model_id)
        begin_call(database, holder, call, now=now)
        end_call(database, holder, call).result()
    begin_call(database, holder, replace(INTENT, request_sha256="open"), now=4.0)
    assert [each.model_id for each in list_outcomes(database, "job-1", OUTCOME.key)] == ["a", "b", "c"]
    assert list_outcomes(database, "job-1", "target/0/e2") == []


def test_a_cancelled_job_begins_no_call_but_keeps_the_outcome_of_one_in_flight(
    database: Database, holder: Holder
) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
    end_call(database, holder, OUTCOME).result()
    with pytest.raises(Interrupted):
        begin_call(database, holder, replace(INTENT, key="target/0/e2"), now=3.0)
    assert [call.status for call in iterate_calls(database, "job-1")] == ["done"]


def test_an_outcome_is_billed_once(database: Database, holder: Holder) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    end_call(database, holder, OUTCOME).result()
    end_call(database, holder, OUTCOME).result()
    (usage,) = list_usage(database, "job-1")
    assert (usage.calls, usage.input_tokens, usage.output_tokens, usage.cost_usd) == (2, 10, 3, 0.25)


def test_an_outcome_of_an_owner_that_lost_the_job_is_refused(database: Database, holder: Holder) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    with pytest.raises(Interrupted):
        end_call(database, replace(holder, epoch=holder.epoch + 1), OUTCOME).result()
    assert [call.status for call in iterate_calls(database, "job-1")] == ["started"]


def test_a_refused_call_is_billed_and_asked_again(database: Database, holder: Holder) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    end_call(database, holder, replace(OUTCOME, status="refused", text=None, error_code="provider_auth"))
    again = begin_call(database, holder, INTENT, now=1.0)
    assert again is not None
    assert (again.status, again.sends, again.cost_usd) == ("started", 2, 0.25)
    end_call(database, holder, OUTCOME).result()
    (row,), (usage,) = list(iterate_calls(database, "job-1")), list_usage(database, "job-1")
    assert (row.status, row.attempts, row.sends, row.cost_usd) == ("done", 2, 4, 0.5)
    assert (usage.calls, usage.cost_usd) == (row.sends, row.cost_usd)


def test_what_failed_is_asked_again_after_a_resumption(database: Database, holder: Holder) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    end_call(database, holder, replace(OUTCOME, status="failed", text=None, error_code="timeout")).result()
    assert begin_call(database, holder, INTENT, now=1.0) is not None
    cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
    seen = get_job(database, "job-1").last_event_id
    resume_job(database, Resumption(job_id="job-1", spec=job_spec(), seen_event_id=seen), now=3.0)
    claim = claim_job(database, ONE, now=4.0)
    assert claim is not None
    again = begin_call(database, Holder(job_id="job-1", epoch=claim.epoch), INTENT, now=5.0)
    assert again is not None
    assert again.status == "started"


def test_a_sum_with_an_unknown_cost_is_unknown(database: Database, holder: Holder) -> None:
    for key, cost in (("a", 0.5), ("b", None), ("c", 0.5)):
        begin_call(database, holder, replace(INTENT, key=key), now=1.0)
        end_call(database, holder, replace(OUTCOME, key=key, cost_usd=cost)).result()
    assert [(usage.cost_usd, usage.known_cost_usd) for usage in list_usage(database, "job-1")] == [(None, 1.0)]


def test_counters_rise_with_the_outcome(database: Database, holder: Holder) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    end_call(database, holder, OUTCOME).result()
    calls = [counter for counter in list_counters(database) if counter.name == "llm_calls"]
    assert [(dict(counter.labels), counter.value) for counter in calls] == [({"outcome": "ok", "role": "target"}, 1.0)]


def test_a_decision_once_made_holds(database: Database, holder: Holder) -> None:
    assert decide_once(database, holder, "1/start", None) is None
    database.flush()
    assert decide_once(database, holder, "1/start", "max_seconds") is None
    assert decide_once(database, holder, "2/start", "max_seconds") == "max_seconds"
    database.flush()
    assert decisions_of(database, "job-1") == {"1/start": None, "2/start": "max_seconds"}


def test_an_outcome_comes_before_the_next_intent(database: Database, holder: Holder) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    outcome = end_call(database, holder, OUTCOME)
    begin_call(database, holder, replace(INTENT, key="target/0/e2"), now=2.0)
    assert outcome.settled
    assert [call.status for call in iterate_calls(database, "job-1")] == ["done", "started"]


def test_a_decision_comes_before_what_follows_from_it(database: Database, holder: Holder) -> None:
    decide_once(database, holder, "1/start", "stopped")
    begin_call(database, holder, INTENT, now=1.0)
    assert [row["answer"] for row in database.rows("SELECT answer FROM decisions")] == ["stopped"]


@pytest.mark.parametrize(
    ("outcome", "asked_for", "says"),
    [
        (OUTCOME, {}, True),
        (OUTCOME, {"model_id": "another"}, False),
        (OUTCOME, {"roles": [Role.JUDGE, Role.REFLECTOR]}, False),
        (replace(OUTCOME, status="failed", error_code="timeout"), {}, False),
        (replace(OUTCOME, status="refused", error_code="provider_auth"), {}, False),
        (replace(OUTCOME, status="cached"), {}, False),
    ],
)
def test_a_model_has_answered_a_job_when_one_of_its_calls_is_done(
    database: Database, holder: Holder, outcome: LedgerCall, asked_for: dict[str, object], says: object
) -> None:
    begin_call(database, holder, INTENT, now=1.0)
    end_call(database, holder, outcome).result()
    about = {"model_id": "m", "roles": [Role.JUDGE, Role.TARGET], **asked_for}
    assert has_answered(database, holder.job_id, **about) is says  # type: ignore[arg-type]  # the names above
    assert not has_answered(database, "another job", **about)  # type: ignore[arg-type]  # as above
