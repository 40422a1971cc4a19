"""A fork begins with what another job has come to, pays for none of it again, and is a job of its own."""

import json

import pytest
from werkzeug.test import TestResponse

from gepa_next.store.housekeeping import prune_jobs
from gepa_next.store.jobs import get_job
from tests.api.answers import refused, wrong
from tests.support.pinning import DESK, bank, message, pin, prompt_for
from tests.support.programs import PROMPTS, served_program
from tests.support.providers import REAL
from tests.support.service import OTHER_TOKEN, Service

EXAMPLES = [{"id": f"e{n}", "input": f"Order {n} lamps.", "ideal": f"lamp {n}"} for n in range(1, 25)]
JOB = {"prompt": "Extract the order.", "examples": EXAMPLES, "iterations": 3, "population": 2, "minibatch": 3}
KEY = {"Idempotency-Key": "fork-1"}


@pytest.fixture
def origin(service) -> str:
    """The id of a finished job with candidates and a held-out test."""
    return service.finished_job(**JOB)


def state_of(service: Service, job_id: str) -> dict:
    return service.client().get(f"/v1/optimize/{job_id}").json


def asked(service: Service, job_id: str, **body: object) -> TestResponse:
    return service.client().post(f"/v1/optimize/{job_id}/fork", json=body)


def fork(service: Service, job_id: str, **body: object) -> dict:
    """Make a fork, run it to its end, and return its state."""
    answer = asked(service, job_id, **body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/optimize/{answer.json['job_id']}"
    assert answer.json == service.client().get(answer.headers["Location"]).json
    service.run(answer.json["job_id"])
    return state_of(service, answer.json["job_id"])


def candidates(service: Service, job_id: str) -> list[dict]:
    return service.client().get(f"/v1/optimize/{job_id}/candidates").json["items"]


def rollouts(service: Service, job_id: str) -> list[dict]:
    text = service.client().get(f"/v1/optimize/{job_id}/artifacts/rollouts.jsonl").text
    return [json.loads(line) for line in text.splitlines()]


def calls(service: Service, job_id: str) -> list[dict]:
    text = service.client().get(f"/v1/optimize/{job_id}/artifacts/calls.jsonl").text
    return [json.loads(line) for line in text.splitlines()]


def checkpoints(service: Service, job_id: str) -> list[int]:
    rows = service.database.rows("SELECT id FROM events WHERE job_id = ? AND checkpoint = 1 ORDER BY id", (job_id,))
    return [row["id"] for row in rows]


def known_by(service: Service, job_id: str, event_id: int) -> dict[int, str]:
    rows = service.database.rows(
        "SELECT id, text FROM candidates WHERE job_id = ? AND event_id <= ?", (job_id, event_id)
    )
    return {row["id"]: row["text"] for row in rows}


def pairs(lines: list[dict]) -> set[tuple[int, str]]:
    return {(each["candidate_id"], each["example_id"]) for each in lines}


def shared(lines: list[dict]) -> list[dict]:
    return [each for each in lines if "shared" in each["flags"]]


def test_without_a_body_it_begins_with_what_the_job_returned(service, origin) -> None:
    before = state_of(service, origin)
    state = fork(service, origin)
    told = {"job_id": origin, "candidate_id": before["result"]["candidate_id"], "event_id": None, "test_seen": True}
    assert state["forked_from"].items() >= told.items()
    assert candidates(service, state["job_id"])[0]["text"] == before["result"]["prompt"]
    assert state["seed_score"] == before["best_score"]
    kept = ("target_model_id", "iterations", "seed", "split", "budget", "judge", "metric")
    assert {name: state[name] for name in kept} == {name: before[name] for name in kept}
    assert before["forked_from"] is None


@pytest.mark.parametrize("begins", [{"candidate_id": 1}, {"event_id": 10**6}])
def test_what_is_shared_is_marked_costs_nothing_and_counts_for_nothing(service, origin, begins) -> None:
    if "event_id" in begins:
        begins = {"event_id": checkpoints(service, origin)[-1]}
    state = fork(service, origin, **begins)
    made = rollouts(service, state["job_id"])
    assert len(shared(made)) == state["forked_from"]["shared_rollouts"] > 0
    new = [each for each in made if not {"shared", "same_text"} & set(each["flags"])]
    assert len(new) == state["usage"]["rollouts"]
    keys = [call["key"].split("/") for call in calls(service, state["job_id"])]
    asked_for = {(candidate_id, example_id) for role, candidate_id, example_id, *_ in keys if role == "target"}
    assert not asked_for & {(str(candidate_id), example_id) for candidate_id, example_id in pairs(shared(made))}


def test_what_is_shared_of_a_candidate_is_what_the_job_had_of_it(service, origin) -> None:
    of_one = [each for each in rollouts(service, origin) if each["candidate_id"] == 1 and each["split"] != "test"]
    state = fork(service, origin, candidate_id=1)
    found = [{**each, "candidate_id": 1, "flags": []} for each in shared(rollouts(service, state["job_id"]))]
    assert found == of_one


def test_the_test_is_on_the_same_examples_and_made_anew(service, origin) -> None:
    state = fork(service, origin, candidate_id=0)
    tested = [each for each in rollouts(service, state["job_id"]) if each["split"] == "test"]
    before = [each for each in rollouts(service, origin) if each["split"] == "test"]
    assert {each["example_id"] for each in tested} == {each["example_id"] for each in before}
    assert shared(tested) == []
    assert {each["candidate_id"] for each in tested} >= {0}
    splits = [json.loads(service.client().get(f"/v1/optimize/{each}/artifacts/receipt.json").text)["splits"]
              for each in (origin, state["job_id"])]  # fmt: skip
    assert splits[0] == splits[1]


@pytest.mark.parametrize("nth", [0, 1, -1])
def test_as_of_an_event_all_candidates_and_lessons_are_known_that_were_then(service, origin, nth) -> None:
    event_id = checkpoints(service, origin)[nth]
    state = fork(service, origin, event_id=event_id + (nth != -1))  # the event after a checkpoint belongs to it
    assert state["forked_from"].items() >= {"candidate_id": None, "checkpoint": event_id}.items()
    known = known_by(service, origin, event_id)
    found = {each["id"]: each for each in candidates(service, state["job_id"])}
    assert {each: found[each]["text"] for each in known} == known
    assert {found[each]["iteration"] for each in known} == {0}
    assert min((each for each in found if each not in known), default=len(known)) == len(known)
    had = "SELECT candidate_id, example_id FROM rollouts WHERE job_id = ? AND event_id <= ? AND split <> 'test'"
    assert pairs(shared(rollouts(service, state["job_id"]))) == pairs(service.database.rows(had, (origin, event_id)))
    lessons = "SELECT text FROM lessons WHERE job_id = ? AND event_id <= ? ORDER BY id"
    before, after = (service.database.rows(lessons, each) for each in ((origin, event_id), (state["job_id"], 0)))
    assert [row["text"] for row in after] == [row["text"] for row in before]


def test_as_of_the_end_no_prompt_is_lost_that_was_best(service, origin) -> None:
    state = fork(service, origin, event_id=checkpoints(service, origin)[-1], iterations=1)
    assert state["best_score"] >= state_of(service, origin)["best_score"]


def test_with_another_target_nothing_is_shared_but_the_texts(service, origin) -> None:
    event_id = checkpoints(service, origin)[-1]
    best = state_of(service, origin)["result"]["candidate_id"]
    state = fork(service, origin, event_id=event_id, target_model_id="other/model")
    assert state["target_model_id"] == "other/model"
    assert state["forked_from"]["shared_rollouts"] == 0
    made = rollouts(service, state["job_id"])
    assert shared(made) == []
    known = known_by(service, origin, event_id)
    inherited = [each for each in candidates(service, state["job_id"]) if each["id"] in known]
    nothing = {"score": None, "parent_score": None, "compared": 0}
    assert [each["comparison"] for each in inherited] == [nothing] * len(known)
    assert {each["candidate_id"] for each in made if each["split"] == "validation"} >= {0, best}


@pytest.mark.parametrize(
    "changes",
    [{"target_model_id": "other/model"}, {"temperature": 0.5}, {"max_tokens": 100}, {"cache": False}],
)
def test_what_is_run_otherwise_or_without_the_cache_is_run_anew(service, origin, changes) -> None:
    assert asked(service, origin, candidate_id=0, **changes).json["forked_from"]["shared_rollouts"] == 0


def test_what_another_judge_has_scored_is_not_shared(service, origin) -> None:
    service.database.write(lambda db: db.execute("UPDATE jobs SET judge_fingerprint = 'of-another'"))
    assert asked(service, origin, candidate_id=0).json["forked_from"]["shared_rollouts"] == 0


def test_a_job_that_lends_no_answers_lends_no_rollouts(service) -> None:
    origin = service.finished_job(**JOB, cache=False)
    assert asked(service, origin, cache=True).json["forked_from"]["shared_rollouts"] == 0


def test_null_takes_away_what_the_job_had_and_what_is_left_out_stays(service) -> None:
    origin = service.finished_job(**JOB, temperature=0.5, max_tokens=50, budget={"max_calls": 500, "patience": 2})
    state = asked(service, origin, population=3, budget={"patience": None}).json
    assert (state["budget"]["max_calls"], state["budget"]["patience"]) == (500, None)
    assert state["budget"]["max_rollouts"] > state_of(service, origin)["budget"]["max_rollouts"]
    assert state["forked_from"]["shared_rollouts"] > 0
    assert asked(service, origin, temperature=None).json["forked_from"]["shared_rollouts"] == 0


def test_a_job_with_drafted_examples_is_forked_with_those(service) -> None:
    origin = service.finished_job(**{**JOB, "examples": []})
    state = fork(service, origin, candidate_id=0)
    assert state["split"] == state_of(service, origin)["split"]
    assert shared(rollouts(service, state["job_id"]))
    assert not [call for call in calls(service, state["job_id"]) if call["key"].startswith("0/")]


def test_a_fork_can_be_forked(service, origin) -> None:
    middle = fork(service, origin, candidate_id=0)["job_id"]
    state = fork(service, middle, event_id=checkpoints(service, middle)[-1])
    made = rollouts(service, state["job_id"])
    assert {each["flags"].count("shared") for each in shared(made)} == {1}
    assert pairs(shared(made)) >= pairs(shared(rollouts(service, middle)))
    assert state["forked_from"]["test_seen"]


@pytest.mark.parametrize("nth", [0, 1])
def test_before_its_first_iteration_the_best_of_a_fork_is_that_of_the_job_it_is_from(service, origin, nth) -> None:
    best = state_of(service, origin)["result"]["candidate_id"]
    middle = fork(service, origin, event_id=checkpoints(service, origin)[-1])["job_id"]
    job_id = asked(service, middle, event_id=checkpoints(service, middle)[nth]).json["job_id"]
    assert get_job(service.database, job_id).spec.fork.heir == best > 0


def test_without_a_test_there_was_none_to_look_at(service) -> None:
    origin = service.finished_job(**JOB, split={"train": 12, "val": 12})
    state = fork(service, origin)
    assert not state["forked_from"]["test_seen"]
    assert not state["result"]["test_seen"]


def test_the_result_says_that_the_test_was_looked_at_before(service, origin) -> None:
    assert not state_of(service, origin)["result"]["test_seen"]
    assert fork(service, origin)["result"]["test_seen"]


def test_a_fork_needs_the_job_no_more_once_it_is_made(service, origin) -> None:
    job_id = asked(service, origin, event_id=checkpoints(service, origin)[-1]).json["job_id"]
    assert prune_jobs(service.database, before=float("inf")) == 1
    service.run(job_id)
    state = state_of(service, job_id)
    assert state["status"] == "finished"
    assert len(shared(rollouts(service, job_id))) == state["forked_from"]["shared_rollouts"] > 0
    refused(service.client().get(f"/v1/optimize/{origin}"), 404, "not_found")


def test_the_same_request_makes_one_fork_also_when_the_job_is_gone(service, origin) -> None:
    path = f"/v1/optimize/{origin}/fork"
    first = service.client().post(path, json={"population": 4}, headers=KEY)
    prune_jobs(service.database, before=float("inf"))
    again = service.client().post(path, json={"population": 4}, headers=KEY)
    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (201, 200, "true")
    assert again.json["job_id"] == first.json["job_id"]
    refused(service.client().post(path, json={}, headers=KEY), 422, "idempotency_key_reused")


def quote(service: Service, job_id: str, **body: object) -> dict:
    answer = service.client().post(f"/v1/optimize/{job_id}/fork/quote", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_quote_counts_what_is_shared_as_made_and_makes_no_job(service, origin) -> None:
    count = len(service.client().get("/v1/optimize").json["items"])
    shares, pays = (quote(service, origin, candidate_id=1, **more) for more in ({}, {"target_model_id": "other/m"}))
    assert pays["expected"]["rollouts"] - shares["expected"]["rollouts"] == 8
    assert len(service.client().get("/v1/optimize").json["items"]) == count
    tries_heir = quote(service, origin, event_id=checkpoints(service, origin)[-1], target_model_id="other/m")
    assert tries_heir["expected"]["rollouts"] - pays["expected"]["rollouts"] == 8
    assert tries_heir["most"]["rollouts"] - pays["most"]["rollouts"] == 8


@pytest.mark.parametrize("route", ["fork", "fork/quote"])
def test_a_job_of_another_token_cannot_be_forked(service, origin, route) -> None:
    bob = service.client(OTHER_TOKEN)
    refused(bob.post(f"/v1/optimize/{origin}/{route}", json={"candidate_id": 0}), 404, "not_found")
    refused(bob.post(f"/v1/optimize/unheard-of/{route}"), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        ({"candidate_id": 99}, "candidate_id", "the job has no candidate 99"),
        ({"candidate_id": -1}, "candidate_id", "at least 0"),
        ({"candidate_id": "1"}, "candidate_id", "whole number"),
        ({"event_id": 10**6}, "event_id", "no such event; its last one is"),
        ({"event_id": 0}, "event_id", "at least 1"),
        ({"event_id": 2}, "event_id", "the seed prompt had not been run by then"),
        ({"candidate_id": 0, "event_id": 30}, "event_id", "not beside a candidate_id"),
        ({"prompt": "Mine."}, "prompt", "no such field"),
        ({"examples": []}, "examples", "no such field"),
        ({"rubric": "Mine."}, "rubric", "no such field"),
        ({"seed": 2}, "seed", "no such field"),
        ({"population": 33}, "population", "32"),
        ({"iterations": 10**6}, "iterations", "MAX_ITERATIONS"),
        ({"budget": {"max_rollouts": 3}}, "budget.max_rollouts", "at least 24"),
        ({"program_url": "http://127.0.0.1:9/"}, "program_url", "the job's target is a model"),
    ],
)
def test_what_cannot_be_had_is_named(service, origin, body, path, said) -> None:
    for route in ("fork", "fork/quote"):
        answer = service.client().post(f"/v1/optimize/{origin}/{route}", json=body)
        assert said in wrong(answer, path)


def test_a_candidate_that_a_guard_refused_is_none_to_begin_with(service, origin) -> None:
    service.database.write(
        lambda db: db.execute("UPDATE candidates SET decision = 'refused', reason = 'leak' WHERE id = 2")
    )
    assert "leak" in wrong(asked(service, origin, candidate_id=2), "candidate_id")


def test_a_job_that_has_not_begun_has_nothing_to_begin_with(service) -> None:
    queued = service.create(**JOB)
    assert "no candidates so far" in wrong(asked(service, queued), "candidate_id")
    assert "last one is 0" in wrong(asked(service, queued, event_id=1), "event_id")


def test_a_job_that_was_pruned_cannot_be_forked(service, origin) -> None:
    prune_jobs(service.database, before=float("inf"))
    refused(asked(service, origin, candidate_id=0), 404, "not_found")


def test_a_re_test_cannot_be_forked(service) -> None:
    pin(service, prompt_for("invoice"))
    pin(service, prompt_for("crash"))
    bank(service.client(), message("invoice"))
    job_id = service.client().post(f"{DESK}/retest").json["job_id"]
    service.run(job_id)
    assert "re-test" in wrong(asked(service, job_id), "job_id")


def test_where_models_are_real_a_simulated_job_is_forked_with_one_of_them(open_with) -> None:
    origin = open_with().finished_job(**JOB)
    real = open_with(**REAL)
    assert "simulator is off" in wrong(asked(real, origin), "target_model_id")
    assert asked(real, origin, target_model_id="acme/large").json["forked_from"]["shared_rollouts"] == 0


def test_a_program_is_forked_with_its_components(open_with) -> None:
    with served_program() as program:
        service = open_with(**program.settings)
        origin = service.finished_job(**program.job())
        state = fork(service, origin, candidate_id=0)
        assert state["program_url"] == program.url
        assert candidates(service, state["job_id"])[0]["prompts"] == PROMPTS
        assert state["forked_from"]["shared_rollouts"] > 0
        assert "a program" in wrong(asked(service, origin, target_model_id="acme/x"), "target_model_id")
        refused(asked(service, origin, program_url="http://127.0.0.2:9/"), 422, "program_not_allowed")
