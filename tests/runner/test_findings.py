"""A finished job names the candidates that none dominates, and what makes its scores worth less than they look."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.replies import JudgeReply
from gepa_next.gepa.types import CallUsage, Completion, Decision, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import Job
from gepa_next.runner.replay import replay
from gepa_next.store.database import Database
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts
from gepa_next.store.jobs import get_job
from gepa_next.store.ledger import iterate_calls
from tests.runner.running import ended, running
from tests.runner.test_replay import COMPONENTS, program
from tests.store.jobs_on_file import insert


def priced(call: ModelCall) -> Completion:
    """Answer as the simulator does, at a price by length."""
    answer = Simulator()(call)
    tokens = len(answer.text)
    return replace(answer, usage=CallUsage(input_tokens=10, output_tokens=tokens, cost_usd=0.001 * tokens))


def unpriced(call: ModelCall) -> Completion:
    answer = priced(call)
    return replace(answer, usage=replace(answer.usage, cost_usd=None if call.role is Role.TARGET else 0.0))


def run(database: Database, model: LanguageModel = priced, job_id: str = "job-1", **spec: Any) -> Job:
    insert(database, job_id, **spec)
    with running(database, model):
        return ended(database, job_id)


def front(job: Job) -> Any:
    assert job.result is not None
    return job.result["nondominated"]


def means(database: Database, job: Job, candidate_id: int) -> tuple[float, float]:
    """Reckon the mean tokens and cost of a candidate's validation rollouts from the whole ledger."""
    examples = {
        each.example_id
        for each in iterate_rollouts(database, job.id)
        if each.candidate_id == candidate_id and each.split == "validation"
    }
    texts = {each.id: each.text for each, _ in iterate_candidates(database, job.id)}
    same = [each for each, text in texts.items() if text == texts[candidate_id]]  # it was paid for once
    calls = [
        each
        for each in iterate_calls(database, job.id)
        if each.key in {f"target/{either}/{example}" for example in examples for either in same}
    ]
    assert len(calls) == len(examples) > 0
    return (
        sum(each.output_tokens for each in calls) / len(calls),
        sum(each.cost_usd or 0.0 for each in calls) / len(calls),
    )


def test_each_has_its_score_its_tokens_and_its_cost(database: Database) -> None:
    job = run(database)
    found = front(job)
    assert found["objectives"] == ["score", "prompt_tokens", "output_tokens", "cost_usd"]
    assert found["left_out"] == []
    texts = {each.id: (each.text, mean) for each, mean in iterate_candidates(database, job.id)}
    assert found["candidates"]
    for each in found["candidates"]:
        text, mean = texts[each["candidate_id"]]
        assert each["prompt_tokens"] == -(-len(text) // 4)
        assert each["score"] == pytest.approx(mean)
        assert (each["output_tokens"], each["cost_usd"]) == pytest.approx(means(database, job, each["candidate_id"]))


@pytest.mark.parametrize("seed", range(8))
def test_champion_and_seed_prompt_can_be_compared_after_any_run(database: Database, seed: int) -> None:
    job = run(database, seed=seed, iterations=1 + seed)
    found = front(job)
    assert {0, job.best_candidate_id} <= set(found["comparable"])
    assert {each["candidate_id"] for each in found["candidates"]} <= set(found["comparable"])
    assert found["n"] > 0


def test_the_champion_is_marked_and_among_the_best(database: Database) -> None:
    job = run(database)
    champions = [each for each in front(job)["candidates"] if each["champion"]]
    assert [each["candidate_id"] for each in champions] == [job.best_candidate_id]
    assert champions[0]["score"] == max(each["score"] for each in front(job)["candidates"])
    assert sum(not each["dominated"] for each in front(job)["candidates"]) > 1  # the seed prompt is the shortest


def test_answers_from_the_cache_take_what_they_took_when_they_were_given(database: Database) -> None:
    first = run(database, temperature=0.0, cache=True)
    again = run(database, job_id="job-2", temperature=0.0, cache=True)
    assert {each.status for each in iterate_calls(database, again.id) if each.role is Role.TARGET} == {"cached"}
    assert front(again) == front(first)


def test_an_answer_whose_first_giver_is_gone_is_not_known(database: Database) -> None:
    run(database, temperature=0.0, cache=True)
    job = run(database, job_id="job-2", temperature=0.0, cache=True)
    database.write(lambda db: db.execute("DELETE FROM calls WHERE job_id = 'job-1' AND role = 'target'"))
    (check,) = [each for each in replay(database, job).checks if "objectives" in each.said]
    assert not check.agrees


@pytest.mark.parametrize(
    ("model", "spec", "left_out"),
    [
        (unpriced, {}, ["cost_usd"]),
        (program, {"prompts": COMPONENTS, "program_url": "http://127.0.0.1:9/"}, ["output_tokens", "cost_usd"]),
    ],
)
def test_what_nobody_states_is_left_out_and_told(
    database: Database, model: Callable[[ModelCall], Completion], spec: dict[str, Any], left_out: list[str]
) -> None:
    found = front(run(database, model, **spec))
    assert found["left_out"] == left_out
    assert found["candidates"]
    assert all(each[name] is None for each in found["candidates"] for name in left_out)


def test_a_replay_says_the_same_and_notices_another_ledger(database: Database) -> None:
    job = run(database)
    assert all(check.agrees for check in replay(database, job).checks)
    champion = job.best_candidate_id
    database.write(
        lambda db: db.execute("UPDATE calls SET output_tokens = 1000 WHERE key LIKE ?", (f"target/{champion}/%",))
    )
    (said,) = (check.said for check in replay(database, job).checks if not check.agrees)
    assert said.startswith("the candidates by their objectives")


def test_refused_candidates_are_never_listed(database: Database) -> None:
    job = run(database)
    refused = {each.id for each, _ in iterate_candidates(database, job.id) if each.decision is Decision.REFUSED}
    assert not refused & {each["candidate_id"] for each in front(job)["candidates"]}


def wordy(call: ModelCall) -> Completion:
    """Answer at a length that hangs on the input, and judge by length alone."""
    if call.role is Role.REFLECTOR:
        return priced(call)
    text = call.messages[-1].content
    if call.role is Role.TARGET:
        return Completion(text="so " * (len(text) * 7 % 23), usage=CallUsage(cost_usd=0.0))
    reply = JudgeReply(feedback="Long is good.", score=min(10, text.count("so ") // 2))
    return Completion(text=json.dumps(asdict(reply)), reply=reply, usage=CallUsage(cost_usd=0.0))


def codes(job: Job) -> list[str]:
    assert job.result is not None
    return [each["code"] for each in job.result["warnings"]]  # type: ignore[attr-defined,index]


def test_a_judge_that_goes_by_length_is_told_with_the_figures(database: Database) -> None:
    job = run(database, wordy)
    assert codes(job) == ["score_follows_length"]
    assert job.result is not None
    told = job.result["length_correlation"]
    assert told["n"] == sum(
        each.score is not None and "same_text" not in each.flags for each in iterate_rollouts(database, job.id)
    )  # type: ignore[index]
    assert told["r"] > 0.9  # type: ignore[index]
    assert told["p_value"] < 1e-6  # type: ignore[index]
    assert all(check.agrees for check in replay(database, job).checks)


@pytest.mark.parametrize(("metric", "told"), [("judge", ["judge_is_target"]), ("json_equal", [])])
def test_a_model_that_judges_itself_is_told_if_it_judges(database: Database, metric: str, told: list[str]) -> None:
    job = run(database, constant, target_model_id="sim/judge", metric=metric)
    assert codes(job) == told
    assert all(check.agrees for check in replay(database, job).checks)


def test_a_replay_notices_a_warning_that_was_taken_away(database: Database) -> None:
    job = run(database, wordy)
    assert job.result is not None
    database.write(lambda db: db.execute("UPDATE jobs SET result = json_set(result, '$.warnings', json('[]'))"))
    (said,) = (each.said for each in replay(database, get_job(database, job.id)).checks if not each.agrees)
    assert said == "what to beware of, score_follows_length; stored is none"


def constant(call: ModelCall) -> Completion:
    """Answer always the same, so that nothing can follow length."""
    return replace(priced(call), text="out") if call.role is Role.TARGET else priced(call)
