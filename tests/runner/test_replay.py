"""A finished job is made again from its ledger, asks no model, writes nothing, and ends the same."""

import json
from collections.abc import Callable
from dataclasses import replace as changed

import pytest

from gepa_next.errors import ModelError, NotFoundError, ReplayError
from gepa_next.gepa.components import joined
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.replies import ProgramReply
from gepa_next.gepa.splits import default_sizes
from gepa_next.gepa.types import Budget, CallUsage, Completion, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import Job, JobStatus
from gepa_next.runner.replay import Replay, replay
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job
from gepa_next.store.requests import Resumption, cancel_job, resume_job, stop_job
from tests.runner.running import ended, running
from tests.store.jobs_on_file import EXAMPLES, insert, insert_retest, pin

COMPONENTS = {"item": "Name the item.", "quantity": "Say how many."}


def priced(call: ModelCall) -> Completion:
    """Answer as the simulator does, at a price."""
    answer = Simulator()(call)
    return changed(answer, usage=CallUsage(input_tokens=10, output_tokens=5, cost_usd=0.001))


def failing(call: ModelCall) -> Completion:
    """Fail every seventh or so of the calls, the same ones each time, for good."""
    if sum(call.key.encode()) % 7 == 0:
        raise ModelError("timeout", "no answer in time", cost_usd=0.0)
    return priced(call)


def program(call: ModelCall) -> Completion:
    """Be a program that scores by the length of its components."""
    if call.role is not Role.TARGET:
        return priced(call)
    length = len(call.messages[0].content)
    reply = ProgramReply(output="out", score=length % 101 / 101, feedback="longer", trace="")
    return Completion(text=json.dumps({"output": "out", "score": reply.score, "feedback": "longer"}), reply=reply)


def run(database: Database, model: LanguageModel = priced) -> Job:
    with running(database, model):
        return ended(database)


def everything(database: Database) -> list[list[tuple[object, ...]]]:
    tables = [row["name"] for row in database.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return [[tuple(row) for row in database.rows(f"SELECT * FROM {name}")] for name in tables]  # noqa: S608 - ours


def replayed(database: Database) -> Replay:
    """Replay the job after checking that nothing is written."""
    before = everything(database)
    found = replay(database, get_job(database, "job-1"))
    assert everything(database) == before
    return found


def differing(database: Database) -> list[str]:
    return [check.said for check in replayed(database).checks if not check.agrees]


@pytest.mark.parametrize(
    ("model", "spec", "stop_reason"),
    [
        (priced, {}, "iterations"),
        (priced, {"cache": True, "temperature": 0.0}, "iterations"),
        (priced, {"metric": "json_equal"}, "iterations"),
        (priced, {"metric": [{"name": "length", "max": 80, "weight": 0.5}, {"name": "judge", "weight": 0.5}]}, ""),
        (priced, {"budget": Budget(max_rollouts=70)}, "max_rollouts"),
        (priced, {"budget": Budget(max_rollouts=500, max_calls=150)}, "max_calls"),
        (priced, {"budget": Budget(max_rollouts=500, max_tokens=2000)}, "max_tokens"),
        (priced, {"budget": Budget(max_rollouts=500, max_cost_usd=0.15)}, "max_cost_usd"),
        (priced, {"budget": Budget(max_rollouts=500, max_seconds=0.01)}, "max_seconds"),
        (priced, {"budget": Budget(max_rollouts=500, patience=1), "iterations": 9}, "patience"),
        (priced, {"examples": (), "split": default_sizes(0)}, "target_score"),
        (failing, {}, ""),
        (program, {"prompts": COMPONENTS, "prompt": joined(COMPONENTS), "program_url": "http://p", "metric": "program"},
         ""),
    ],
)  # fmt: skip
def test_a_finished_job_replays(database: Database, model, spec, stop_reason) -> None:
    insert(database, **spec)
    job = run(database, model)
    assert job.status is JobStatus.FINISHED, job.error_message
    assert stop_reason in {"", job.stop_reason}
    found = replayed(database)
    assert [check for check in found.checks if not check.agrees] == []
    assert (len(found.checks), found.began_after) == (9, 0)


def test_a_job_that_was_stopped_replays_to_where_it_was_stopped(database: Database) -> None:
    def stop_in_the_second_iteration(call: ModelCall) -> Completion:
        if call.key.startswith("2/"):
            stop_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
        return priced(call)

    insert(database)
    assert run(database, stop_in_the_second_iteration).stop_reason == "stopped"
    assert differing(database) == []


def go_on(database: Database, **changes: object) -> None:
    job = get_job(database, "job-1")
    spec = changed(job.spec, **changes)
    resume_job(database, Resumption(job_id=job.id, spec=spec, seen_event_id=job.last_event_id), now=3.0)


def test_a_job_that_was_resumed_under_other_limits_replays_from_there(database: Database) -> None:
    insert(database, iterations=2, budget=Budget(max_rollouts=70))
    done = run(database).iteration
    go_on(database, iterations=4, budget=Budget(max_rollouts=500))
    assert run(database).iteration == 4
    assert differing(database) == []
    assert replayed(database).began_after == done > 0


def test_a_job_that_was_cancelled_in_an_iteration_and_resumed_replays(database: Database) -> None:
    def cancel_in_the_second_iteration(call: ModelCall) -> Completion:
        if call.key.startswith("2/") and get_job(database, "job-1").status is JobStatus.RUNNING:
            cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
        return priced(call)

    insert(database)
    assert run(database, cancel_in_the_second_iteration).status is JobStatus.CANCELLED
    go_on(database)
    assert run(database).status is JobStatus.FINISHED
    assert differing(database) == []
    assert replayed(database).began_after == 1


@pytest.mark.parametrize(
    ("model", "budget", "stop_reason"),
    [
        (priced, Budget(max_rollouts=2 * len(EXAMPLES)), "iterations"),
        (failing, Budget(max_rollouts=500), "iterations"),
        (priced, Budget(max_rollouts=2 * len(EXAMPLES) - 1), "max_rollouts"),
        (priced, Budget(max_rollouts=500, max_cost_usd=0.1), "max_cost_usd"),
    ],
)
def test_a_re_test_replays(database: Database, model, budget, stop_reason) -> None:
    pin(database)
    insert_retest(database, budget=budget)
    job = run(database, model)
    assert (job.status, job.stop_reason) == (JobStatus.FINISHED, stop_reason), job.error_message
    found = replayed(database)
    assert [check for check in found.checks if not check.agrees] == []
    assert (len(found.checks), found.began_after) == (9, 0)


def test_a_re_test_that_went_on_under_a_larger_limit_replays(database: Database) -> None:
    pin(database)
    insert_retest(database, budget=Budget(max_rollouts=len(EXAMPLES)))
    assert (run(database).result or {})["retest"] is None
    go_on(database, budget=Budget(max_rollouts=2 * len(EXAMPLES)))
    assert (run(database).result or {})["verdict"] == "loses"
    assert differing(database) == []


def test_what_was_changed_in_the_comparison_of_a_re_test_differs(database: Database) -> None:
    pin(database)
    insert_retest(database)
    run(database)
    erase(database, "UPDATE jobs SET result = json_set(result, '$.retest.losses', 0)")
    assert differing(database) == ["the verdict, loses; stored is loses"]


def erase(database: Database, sql: str) -> None:
    database.write(lambda db: db.execute(sql))


def test_a_call_that_is_not_in_the_ledger_is_named(database: Database) -> None:
    insert(database)
    run(database)
    erase(database, "DELETE FROM calls WHERE key = 'judge/0/e3'")
    (said,) = differing(database)
    assert "the ledger has no outcome of the call judge/0/e3" in said


def test_a_call_that_would_be_another_now_is_named(database: Database) -> None:
    insert(database)
    run(database)
    erase(database, "UPDATE examples SET ideal = 'other' WHERE id = 'e3'")
    (said,) = differing(database)
    assert "not_in_ledger: the ledger has no outcome of the call judge/0/e3" in said


def test_a_decision_that_is_not_stored_is_named(database: Database) -> None:
    insert(database)
    run(database)
    erase(database, "DELETE FROM decisions WHERE point = '2/start'")
    assert differing(database) == ["the run: it ends with not_decided: no decision is stored for 2/start"]


def test_an_answer_that_cannot_be_read_any_more_is_told(database: Database) -> None:
    insert(database)
    run(database)
    erase(database, "UPDATE calls SET text = 'no JSON' WHERE key = 'judge/0/e3'")
    (said,) = differing(database)
    assert said.startswith("an answer in the ledger: it cannot be read any more")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE jobs SET result = json_set(result, '$.candidate_id', 99)", "stored is candidate 99"),
        ("UPDATE jobs SET result = json_set(result, '$.prompt', 'Mine.')", "the champion"),
        ("UPDATE jobs SET result = json_set(result, '$.verdict', 'proven')", "stored is proven"),
        ("UPDATE jobs SET result = json_set(result, '$.test.wins', 99)", "the verdict"),
        ("UPDATE jobs SET result = json_set(result, '$.score', 0.99)", "the scores"),
        ("UPDATE jobs SET result = json_set(result, '$.stop_reason', 'patience')", "stored is patience"),
        ("UPDATE candidates SET text = 'Mine.' WHERE id = 1", "1 of them are not the same, first 1"),
        ("DELETE FROM candidates WHERE id = 2", "1 of them are not the same, first 2"),
        ("UPDATE rollouts SET score = 0.123 WHERE candidate_id = 0 AND example_id = 'e3'", "first (0, 'e3')"),
        ("UPDATE lessons SET text = 'Mine.' WHERE id = 1", "first 1"),
    ],
)
def test_what_was_changed_in_the_database_differs(database: Database, change, said) -> None:
    insert(database)
    run(database)
    erase(database, change)
    assert said in "; ".join(differing(database))


def cancel(database: Database) -> None:
    cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id


@pytest.mark.parametrize(("happens", "status"), [(lambda _: None, "queued"), (cancel, "cancelled")])
def test_a_job_that_has_not_finished_cannot_be_replayed(
    database: Database, happens: Callable[[Database], None], status: str
) -> None:
    insert(database)
    happens(database)
    with pytest.raises(ReplayError, match=status):
        replayed(database)


def test_a_job_that_there_is_not_cannot_be_replayed(database: Database) -> None:
    with pytest.raises(NotFoundError):
        replayed(database)
