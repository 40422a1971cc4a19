"""A job as a run of gepa-viz 0.1.0: the shape that its viewer reads, filled with what was recorded."""

import json
from contextlib import closing
from importlib.resources import files

import jsonschema
import pytest

from tests.support.hostile import HOSTILE
from tests.support.programs import PROMPTS, served_program
from tests.support.service import open_service

DEMO = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))
PREDICTION, SCORE = {"type": "object"}, {"type": "number", "minimum": 0, "maximum": 1}
COMPARED = {
    "example": {"type": "object"},
    "parent_prediction": PREDICTION,
    "parent_score": SCORE,
    "prediction": PREDICTION,
    "score": SCORE,
    "feedback": {"type": "string"},
}
CANDIDATE = {
    "prompt": {"type": "string"},
    "parent": {"type": ["string", "null"]},
    "score": {"anyOf": [SCORE, {"type": "null"}]},
    "predictions": {
        "type": ["array", "null"],
        "items": {"properties": {"prediction": PREDICTION, "score": SCORE}, "required": ["prediction", "score"]},
    },
    "minibatch": {"type": ["array", "null"], "items": {"properties": COMPARED, "required": list(COMPARED)}},
}
RUN = {  # as its callback writes it and its page reads it
    "properties": {
        "examples": {"type": "array", "items": {"type": "object"}},
        "candidates": {
            "propertyNames": {"pattern": r"^\d+(\.\d+)?$"},
            "additionalProperties": {"properties": CANDIDATE, "required": list(CANDIDATE)},
        },
    },
    "required": ["examples", "candidates"],
}


def run_of(service, job_id) -> dict:
    run = service.client().get(f"/v1/optimize/{job_id}/artifacts/run.json").json
    jsonschema.Draft202012Validator(RUN).validate(run)
    names = run["candidates"]
    assert all(each["parent"] is None or each["parent"] in names for each in names.values())
    assert all(len(each["predictions"] or ()) <= len(run["examples"]) for each in names.values())
    return run


def lines(service, job_id, name) -> list[dict]:
    text = service.client().get(f"/v1/optimize/{job_id}/artifacts/{name}").text
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def shop(tmp_path_factory, no_settings_from_outside):
    with closing(open_service(tmp_path_factory.mktemp("viz"))) as service:
        service.finished_job(**{**DEMO, "iterations": 4, "population": 3})
        yield service


@pytest.fixture(scope="module")
def job_id(shop) -> str:
    return shop.client().get("/v1/optimize").json["items"][0]["job_id"]


def test_every_candidate_is_there_and_those_that_were_kept_have_their_own_ids(shop, job_id) -> None:
    run, candidates = run_of(shop, job_id), lines(shop, job_id, "candidates.jsonl")
    kept = {str(each["id"]): each for each in candidates if each["decision"] in {"seed", "accepted"}}
    assert {name for name, each in run["candidates"].items() if each["predictions"] is not None} == set(kept)
    assert sorted(each["prompt"] for each in run["candidates"].values()) == sorted(each["text"] for each in candidates)
    for name, each in kept.items():
        assert run["candidates"][name]["score"] == each["validation_score"]
    assert run["made_by"]["simulated"] is True


def test_predictions_stand_in_the_order_of_the_examples(shop, job_id) -> None:
    run = run_of(shop, job_id)
    made = {(str(each["candidate_id"]), each["example_id"]): each for each in lines(shop, job_id, "rollouts.jsonl")}
    compared = 0
    for name, candidate in run["candidates"].items():
        for example, found in zip(run["examples"], candidate["predictions"] or [], strict=False):
            rollout = made[name, example["id"]]
            assert (found["prediction"], found["score"]) == ({"output": rollout["output"]}, rollout["score"])
            compared += 1
    assert compared > len(run["examples"])


def test_a_rejected_candidate_is_shown_beside_its_parent(shop, job_id) -> None:
    run = run_of(shop, job_id)
    made = {(str(each["candidate_id"]), each["example_id"]): each for each in lines(shop, job_id, "rollouts.jsonl")}
    entries = [
        (each["parent"], entry)
        for name, each in run["candidates"].items()
        if "." in name
        for entry in each["minibatch"]
    ]
    assert entries
    for parent, entry in entries:
        before = made[parent, entry["example"]["id"]]
        assert entry["parent_score"] == before["score"]
        assert entry["parent_prediction"] == {"output": before["output"]}
        assert entry["feedback"] == before["feedback"]


def test_a_failed_rollout_counts_nothing_and_says_why(service) -> None:
    job_id = service.finished_job()
    service.database.write(
        lambda db: db.execute("UPDATE rollouts SET score = NULL, error = 'timeout' WHERE candidate_id = 0")
    )
    seed = run_of(service, job_id)["candidates"]["0"]
    assert {json.dumps(each) for each in seed["predictions"]} == {
        json.dumps({"prediction": {"error": "timeout"}, "score": 0.0})
    }


def test_a_job_that_has_not_begun_has_examples_and_no_candidates(service) -> None:
    run = run_of(service, service.create())
    assert (len(run["examples"]), run["candidates"]) == (3, {})


def test_components_and_hostile_texts_come_through_as_they_are(open_with) -> None:
    with served_program() as program:
        service = open_with(**program.settings)
        job_id = service.finished_job(**program.job(prompts={**PROMPTS, "team": PROMPTS["team"] + HOSTILE}))
    seed = run_of(service, job_id)["candidates"]["0"]
    assert seed["prompt"] == f"[team]\n{PROMPTS['team']}{HOSTILE}\n\n[priority]\n{PROMPTS['priority']}"
