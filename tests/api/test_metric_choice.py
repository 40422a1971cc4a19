"""A request says how outputs are scored: by a name, with parameters, or by a weighted list."""

import json

import pytest

from tests.api.answers import wrong
from tests.support.providers import REAL
from tests.support.service import EXAMPLES, SMALL_JOB

LIST = [{"name": "exact_match", "weight": 0.7}, {"name": "length", "max": 200, "weight": 0.3}]
SHARED = [{"name": "judge", "weight": 0.5}, {"name": "numeric", "tolerance": 0.5, "weight": 0.5}]
SCHEMA = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["a"]}
GOOD = [
    "judge", "exact_match", "contains", "numeric", "json_valid", "json_equal", "token_f1", "rouge_l", "edit_similarity",
    {"name": "judge"}, {"name": "exact_match"}, {"name": "regex", "pattern": "^[0-9]+$"},
    {"name": "numeric", "tolerance": 0.01}, {"name": "numeric", "tolerance": 1},
    {"name": "json_schema", "schema": SCHEMA}, {"name": "json_schema", "schema": True},
    {"name": "length", "max": 9, "unit": "words"},
    {"name": "length", "min": 1}, LIST, SHARED, [{"name": "rouge_l", "weight": 1}],
    [{"name": "regex", "pattern": letter, "weight": 0.1} for letter in "abcdefghij"],
]  # fmt: skip


def ask(client, metric, **changes):
    return client.post("/v1/optimize", json={**SMALL_JOB, "metric": metric, **changes})


@pytest.mark.parametrize("metric", GOOD, ids=json.dumps)
def test_a_metric_is_shown_as_it_was_given(client, metric) -> None:
    made = ask(client, metric)
    assert made.status_code == 201, made.text
    assert made.json["metric"] == metric
    receipt = client.get(f"/v1/optimize/{made.json['job_id']}/artifacts/receipt.json").json
    assert receipt["spec"]["metric"] == metric
    assert receipt["judge"]["fingerprint"] == made.json["judge"]["fingerprint"]


@pytest.mark.parametrize(
    ("metric", "path", "said"),
    [
        ("vibes", "metric", "one of judge, program, exact_match"), ("", "metric", "one of"), (1, "metric", "a name"),
        (None, "metric", "a name"), (True, "metric", "a name"), ({}, "metric.name", "one of"),
        ({"name": "vibes"}, "metric.name", "one of"), ({"name": ["judge"]}, "metric.name", "one of"),
        ("regex", "metric.pattern", "required"), ("length", "metric", "min, max or both"),
        ("json_schema", "metric.schema", "required"), ({"name": "regex", "pattern": 5}, "metric.pattern", "text"),
        ({"name": "exact_match", "case": False}, "metric.case", "no such field"),
        ({"name": "regex", "pattern": "("}, "metric.pattern", "missing )"),
        ({"name": "regex", "pattern": "(?<=a)b"}, "metric.pattern", "RE2"),
        ({"name": "regex", "pattern": r"\pL{900}"}, "metric.pattern", "too large"),
        ({"name": "regex", "pattern": "a" * 2001}, "metric.pattern", "2000"),
        ({"name": "regex", "pattern": ""}, "metric.pattern", "at least 1"),
        ({"name": "regex", "pattern": ".*"}, "metric.pattern", "any answer"),
        ({"name": "regex", "pattern": "yes|x*"}, "metric.pattern", "any answer"),
        ({"name": "numeric", "tolerance": -0.1}, "metric.tolerance", "at least 0"),
        ({"name": "numeric", "tolerance": "1"}, "metric.tolerance", "number"),
        ({"name": "numeric", "tolerance": True}, "metric.tolerance", "number"),
        ({"name": "length", "max": -1}, "metric.max", "0"), ({"name": "length", "max": 1.5}, "metric.max", "whole"),
        ({"name": "length", "min": 5, "max": 4}, "metric.max", "less than min"),
        ({"name": "length", "min": 0}, "metric", "a min of 0 is none"),
        ({"name": "length", "max": 200_001}, "metric.max", "200000"),
        ({"name": "length", "unit": "words"}, "metric", "min, max or both"),
        ({"name": "length", "max": 5, "unit": "tokens"}, "metric.unit", "words"),
        ({"name": "json_schema", "schema": "string"}, "metric.schema", "an object, true or false"),
        ({"name": "json_schema", "schema": {"type": "strin"}}, "metric.schema.type", "strin"),
        ({"name": "json_schema", "schema": {"properties": {"a": {"minimum": "1"}}}},
         "metric.schema.properties.a.minimum", "number"),
        ({"name": "json_schema", "schema": {"$ref": "https://example.org/"}}, "metric.schema.$ref", "in this one"),
        ({"name": "json_schema", "schema": {"pattern": "(?=a)"}}, "metric.schema.pattern", "RE2"),
        ({"name": "exact_match", "weight": 1}, "metric.weight", "only in a list"),
        ([], "metric", "at least 1"), (["exact_match"], "metric.0", "object"),
        ([{"name": "exact_match"}], "metric.0.weight", "required"),
        ([{"name": "exact_match", "weight": 0.7}], "metric", "the weights sum to 0.7, not to 1"),
        ([{**LIST[0], "weight": 0.8}, LIST[1]], "metric", "the weights sum to 1.1, not to 1"),
        ([LIST[0], {**LIST[1], "weight": 0}], "metric.1.weight", "more than 0"),
        ([LIST[0], {**LIST[1], "weight": "0.3"}], "metric.1.weight", "number"),
        ([LIST[0], {**LIST[1], "max": "a"}], "metric.1.max", "whole number"),
        ([LIST[0], {"name": "json_schema", "schema": {"items": 5}, "weight": 0.3}], "metric.1.schema.items", "5"),
        ([LIST[0], LIST], "metric.1", "object"),
        ([{"name": "length", "max": 1, "weight": 1 / 17}] * 17, "metric", "16"),
        ([SHARED[0], SHARED[0]], "metric", "the judge can stand in the list once"),
    ],
)  # fmt: skip
def test_a_metric_that_cannot_be_used_is_refused_with_its_path(client, metric, path: str, said: str) -> None:
    assert said in wrong(ask(client, metric), path)
    assert said in wrong(client.post("/v1/optimize/quote", json={**SMALL_JOB, "metric": metric}), path)
    assert client.get("/v1/optimize").json["items"] == []


def test_everything_wrong_with_a_metric_is_told_at_once_and_beside_the_rest(client) -> None:
    metric = [{"name": "regex", "pattern": "(", "weight": 2}, {"name": "vibes", "weight": 1}]
    details = ask(client, metric, population=0).json["error"]["details"]
    expected = {"metric.0.pattern", "metric.0.weight", "metric.1.name", "population"}
    assert {each["path"] for each in details} == expected


@pytest.mark.parametrize(
    "name", ["exact_match", "contains", "numeric", "json_equal", "token_f1", "rouge_l", "edit_similarity"]
)
@pytest.mark.parametrize("examples", [[], [{"input": "a"}], [*EXAMPLES, {"input": "a"}]])
def test_a_metric_that_compares_needs_ideals_wherever_it_stands(client, name: str, examples) -> None:
    assert "ideal" in wrong(ask(client, name, examples=examples), "metric")
    second = [{"name": "judge", "weight": 0.5}, {"name": name, "weight": 0.5}]
    assert "ideal" in wrong(ask(client, second, examples=examples), "metric.1")


@pytest.mark.parametrize(
    "metric",
    [
        "judge", "json_valid", {"name": "regex", "pattern": "a"}, {"name": "length", "max": 9},
        {"name": "json_schema", "schema": {}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("examples", [[], [{"input": "a"}]])
def test_a_metric_that_does_not_compare_needs_none(client, metric, examples) -> None:
    assert ask(client, metric, examples=examples).status_code == 201


@pytest.mark.parametrize(
    ("metric", "ideal", "said"),
    [("numeric", "many", "no number"), ("json_equal", "{", "not JSON"), ("contains", " \n", "is empty")],
)
def test_an_ideal_that_a_metric_cannot_use_is_named(client, metric: str, ideal: str, said: str) -> None:
    found = wrong(ask(client, metric, examples=[*EXAMPLES, {"id": "odd", "input": "a", "ideal": ideal}]), "metric")
    assert said in found
    assert "odd" in found


def fingerprint(client, metric, **changes) -> str:
    return ask(client, metric, **changes).json["judge"]["fingerprint"]


def test_every_choice_has_a_fingerprint_of_its_own(client) -> None:
    choices = [
        *(each for each in GOOD if isinstance(each, str)), LIST, SHARED, {"name": "numeric", "tolerance": 0.01},
        {"name": "length", "max": 9}, {"name": "length", "max": 9, "unit": "words"}, {"name": "regex", "pattern": "a"},
        {"name": "regex", "pattern": "b"}, {"name": "json_schema", "schema": True},
        {"name": "json_schema", "schema": {}},
        [{**LIST[0], "weight": 0.6}, {**LIST[1], "weight": 0.4}],
    ]  # fmt: skip
    assert len({fingerprint(client, each) for each in choices}) == len(choices)


def test_the_same_choice_in_other_words_has_the_same_fingerprint(client) -> None:
    assert fingerprint(client, "numeric") == fingerprint(client, {"tolerance": 0.0, "name": "numeric"})
    assert fingerprint(client, "judge") == fingerprint(client, [{"name": "judge", "weight": 1}])
    known = client.get("/v1/version").json["judge_fingerprint"]
    assert fingerprint(client, "judge") == known


def test_a_rubric_counts_only_where_the_judge_has_a_part(client) -> None:
    assert fingerprint(client, SHARED) != fingerprint(client, SHARED, rubric="kind")
    assert fingerprint(client, LIST) == fingerprint(client, LIST, rubric="kind")


def test_a_key_that_came_with_another_parameter_was_used(client) -> None:
    headers = {"Idempotency-Key": "metric"}
    bodies = [{**SMALL_JOB, "metric": {"name": "length", "max": most}} for most in (3, 3, 4)]
    answers = [client.post("/v1/optimize", json=each, headers=headers) for each in bodies]
    assert [each.status_code for each in answers] == [201, 200, 422]


def test_the_judge_in_a_list_is_asked_quoted_and_counted(open_with) -> None:
    client = open_with(**REAL).client()
    roles = [
        list(client.post("/v1/optimize/quote", json={**SMALL_JOB, "metric": metric}).json["per_call"])
        for metric in (SHARED, LIST)
    ]
    assert roles == [["target", "judge", "reflector"], ["target", "reflector"]]
    split = {"train": 2, "val": 2, "test": 2}
    said = wrong(ask(client, SHARED, split=split, budget={"max_calls": 11}), "budget.max_calls")
    assert "at least 12" in said
    assert ask(client, LIST, split=split, budget={"max_calls": 6}).status_code == 201


@pytest.mark.parametrize(
    ("metric", "judged", "part"),
    [
        (LIST, False, "exact_match 0.00 (weight 0.7). Wrong: expected exactly"),
        (SHARED, True, "numeric 0.00 (weight 0.5). Wrong: expected the number"),
        ({"name": "json_schema", "schema": SCHEMA}, False, "Wrong: expected JSON"),
        ({"name": "regex", "pattern": "^(a+)+$"}, False, "Wrong: expected an answer that matches"),
    ],
)
def test_a_job_is_scored_as_it_chose(service, client, metric, judged: bool, part: str) -> None:  # noqa: FBT001 - a case
    job_id = service.finished_job(metric=metric)
    state = client.get(f"/v1/optimize/{job_id}").json
    rollouts = client.get(f"/v1/optimize/{job_id}/artifacts/rollouts.jsonl").text
    found = [json.loads(line) for line in rollouts.splitlines()]
    assert state["status"] == "finished"
    assert (state["usage"]["by_role"]["judge"]["calls"] > 0) == judged
    assert any(each["feedback"].startswith(part) for each in found)
    assert all(("judge " in each["feedback"]) == judged for each in found)
    assert all(0 <= each["score"] <= 1 for each in found)


def test_a_job_with_the_judge_in_a_list_that_has_nothing_left_is_not_resumed(service, client) -> None:
    job_id = service.finished_job(metric=SHARED)
    answer = client.post(f"/v1/optimize/{job_id}/resume")
    assert answer.json["error"]["code"] == "not_resumable"
