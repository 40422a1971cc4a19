"""Every wrong value of a job is a 422 that names it, and no job comes of it."""

import pytest

from tests.api.answers import refused, wrong
from tests.support.service import EXAMPLES, SMALL_JOB

OPENED = {"max_iterations": 20}


@pytest.fixture(autouse=True)
def nothing_comes_of_it(client):
    yield
    assert client.get("/v1/optimize").json["items"] == []


@pytest.fixture
def service(open_with):
    return open_with(**OPENED)


def ask(client, query="", **changes):
    return client.post(f"/v1/optimize{query}", json={**SMALL_JOB, **changes})


def test_an_unknown_field_is_named(client) -> None:
    assert "no such field" in wrong(ask(client, promt="a"), "promt")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"examples": [{"input": "a", "answer": "b"}]}, "examples.0.answer"),
        ({"budget": {"max_dollars": 1}}, "budget.max_dollars"),
        ({"constraints": {"drop": []}}, "constraints.drop"),
        ({"split": {"train": 3, "val": 3, "dev": 0}}, "split.dev"),
        ({"bank": {"tag": "a"}}, "bank.tag"),
        ({"judge_model_id": "mine"}, "judge_model_id"),
    ],
)
def test_an_unknown_field_inside_is_named_with_its_place(client, changes, path) -> None:
    wrong(ask(client, **changes), path)


def test_every_wrong_value_is_told_at_once(client) -> None:
    details = refused(ask(client, prompt=1, seed="x", population=0), 422, "validation_error")["details"]
    assert {detail["path"] for detail in details} == {"prompt", "seed", "population"}


def test_a_thousand_wrong_values_are_a_short_answer(client) -> None:
    error = refused(ask(client, examples=[{"input": 1}] * 1000), 422, "validation_error")
    assert len(error["details"]) == 100


@pytest.mark.parametrize("prompt", ["", " \n\t", None, 7, ["a"], "a" * 100_001])
def test_a_prompt_is_1_to_100_000_characters_that_say_something(client, prompt) -> None:
    wrong(ask(client, prompt=prompt), "prompt")


def test_a_prompt_cannot_be_left_out(client) -> None:
    assert "required" in wrong(client.post("/v1/optimize", json={"examples": EXAMPLES}), "prompt")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 2.1), ("temperature", -0.1), ("temperature", True), ("temperature", "1"),
        ("population", 0), ("population", 33), ("population", 2.5), ("population", "4"),
        ("minibatch", 0), ("minibatch", 33), ("minibatch", True),
        ("max_tokens", 0), ("max_tokens", "9"), ("seed", -1), ("seed", 1.5),
        ("metric", "vibes"), ("metric", 1), ("metadata", []), ("metadata", "a"), ("rubric", 1),
        ("target_model_id", ""), ("target_model_id", 5), ("examples", {}), ("examples", "a"), ("bank", []),
        ("iterations", 0), ("iterations", -1), ("iterations", 1.5), ("iterations", True), ("iterations", "3"),
    ],
)  # fmt: skip
def test_a_wrong_type_or_size_names_its_field(client, field, value) -> None:
    wrong(ask(client, **{field: value}), field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_rollouts", 0), ("max_calls", "9"), ("max_tokens", 1.5), ("max_cost_usd", 0), ("max_cost_usd", True),
        ("max_seconds", -1), ("max_seconds", "60"), ("target_score", 1.5), ("target_score", True), ("patience", 0),
    ],
)  # fmt: skip
def test_a_wrong_budget_names_its_limit(client, field, value) -> None:
    wrong(ask(client, budget={field: value}), f"budget.{field}")


@pytest.mark.parametrize(
    ("example", "path"),
    [
        ({}, "input"), ({"ideal": "b"}, "input"), ({"input": ""}, "input"), ({"input": 3}, "input"),
        ({"input": "a", "ideal": 3}, "ideal"), ({"input": "a", "id": ""}, "id"), ({"input": "a", "id": "b c"}, "id"),
        ({"input": "a", "id": "é"}, "id"), ({"input": "a", "id": "a" * 129}, "id"),
        ({"input": "a", "tags": [""]}, "tags.0"), ({"input": "a", "tags": "b"}, "tags"),
        ({"input": "a", "meta": []}, "meta"),
        ({"input": "a", "ideal": "b", "expected": "c"}, "expected"),
    ],
)  # fmt: skip
def test_a_wrong_example_is_told_by_its_place(client, example, path) -> None:
    wrong(ask(client, examples=[EXAMPLES[0], example]), f"examples.1.{path}")


def test_an_id_given_twice_is_named(client) -> None:
    twice = [{"id": "a", "input": "1"}, {"id": "b", "input": "2"}, {"id": "a", "input": "3"}]
    assert wrong(ask(client, examples=twice), "examples").endswith("the id a")


def test_an_id_that_is_the_name_of_another_example_is_refused(client, service) -> None:
    named = service.client().post("/v1/examples", json={"input": "one"}).json["id"]
    wrong(ask(client, examples=[{"input": "one"}, {"id": named, "input": "two"}]), "examples")


def test_more_than_10_000_examples_are_refused(client) -> None:
    wrong(ask(client, examples=[{"input": f"{n}"} for n in range(10_001)]), "examples")


@pytest.mark.parametrize("iterations", ["0", "-1", "1.5", "ten", "", "²", "1e2", "9" * 30])
def test_iterations_in_the_query_are_a_number_from_1(client, iterations) -> None:
    answer = client.post("/v1/optimize", query_string={"iterations": iterations}, json={"prompt": "a"})
    assert wrong(answer, "iterations") == "a whole number from 1 to 20"


@pytest.mark.parametrize(("query", "changes"), [("?iterations=21", {"iterations": None}), ("", {"iterations": 21})])
def test_too_many_iterations_are_refused_with_the_limit(client, query, changes) -> None:
    assert "20" in wrong(ask(client, query, **changes), "iterations")


def test_iterations_that_differ_in_query_and_body_are_refused(client) -> None:
    assert wrong(ask(client, "?iterations=2", iterations=3), "iterations") == "query and body differ"


@pytest.mark.parametrize("query", ["?iteration=3", "?iterations=3&iterations=3"])
def test_an_unknown_or_repeated_query_value_is_named(client, query) -> None:
    wrong(ask(client, query, iterations=None), query[1:].split("=")[0])


@pytest.mark.parametrize(
    "split",
    [
        {"train": 4, "val": 3}, {"train": 0, "val": 3}, {"train": 3, "val": 0}, {"train": 0.5, "val": 0.6},
        {"train": 0.5, "val": 0.2, "test": 0.2}, {"train": 0.0, "val": 0.5, "test": 0.5}, {"train": 3, "val": 0.5},
    ],
)  # fmt: skip
def test_a_split_that_does_not_add_up_is_refused(client, split) -> None:
    wrong(ask(client, split=split), "split")


@pytest.mark.parametrize(
    ("split", "path", "said"),
    [
        ({"train": 4, "val": 3}, "split", "larger than the 6 different examples"),
        ({"train": 3, "val": 3, "test": 1}, "split", "larger than the 6 different examples"),
        ({"train": 0.5, "val": 0.6}, "split", "fractions must add up to 1"),
        ({"train": 2, "val": 2, "test": 0.5}, "split", "fractions must add up to 1"),
        ({"train": 0.3333, "val": 0.3333, "test": 0.3333}, "split", "fractions must add up to 1"),
        ({"train": 0.98, "val": 0.01, "test": 0.01}, "split", "at least one example each"),
        ({"train": 2, "val": 2, "test": -1}, "split.test", "a count"),
        ({"train": 2.5, "val": 2}, "split.train", "a fraction"),
        ({"train": 1}, "split.val", "required"),
        ("half", "split", "object"),
    ],
)
def test_a_split_that_cannot_be_made_says_what_is_wrong_with_it(client, split, path, said) -> None:
    assert said in wrong(ask(client, split=split), path)


def test_a_split_whose_rounding_leaves_nothing_to_train_on_is_refused(client) -> None:
    shares = {"train": 0.0, "val": 0.5, "test": 0.5}  # of three: two and two, rounded
    wrong(ask(client, examples=EXAMPLES[:3], split=shares), "split")


@pytest.mark.parametrize("share", [-1, 1.5, "2", True, None])
def test_a_share_is_a_count_or_a_fraction(client, share) -> None:
    assert "fraction" in wrong(ask(client, split={"train": share, "val": 3}), "split.train")


def test_a_split_without_examples_is_refused(client) -> None:
    wrong(ask(client, examples=[], split={"train": 1, "val": 1}), "split")


def test_a_budget_below_seed_and_final_test_says_what_it_takes(client) -> None:
    split = {"train": 2, "val": 2, "test": 2}
    assert "at least 6" in wrong(ask(client, split=split, budget={"max_rollouts": 5}), "budget.max_rollouts")


def test_a_text_to_keep_must_be_in_the_prompt(client) -> None:
    wrong(ask(client, constraints={"keep": ["not there"]}), "constraints.keep")


def test_a_bank_without_such_examples_is_refused(client) -> None:
    wrong(ask(client, examples=[], bank={"tags": ["nobody"]}), "bank")


@pytest.mark.parametrize("key", ["", "a b", "é", "a" * 256, "tab\t"])
def test_an_idempotency_key_is_1_to_255_visible_characters(client, key) -> None:
    answer = client.post("/v1/optimize", json=SMALL_JOB, headers={"Idempotency-Key": key})
    wrong(answer, "Idempotency-Key")


def test_a_simulated_model_is_refused_where_models_are_real(open_with, client) -> None:
    real = open_with(llm_base_url="http://127.0.0.1:9/v1", judge_model_id="j", target_model_default="t")
    wrong(ask(real.client(), target_model_id="sim/target"), "target_model_id")


def test_a_full_queue_is_503(open_with, client) -> None:
    service = open_with(max_queued_jobs=1)
    job_id = service.create()
    error = refused(ask(service.client()), 503, "queue_full")
    assert "1 jobs" in error["message"]
    service.client().delete(f"/v1/optimize/{job_id}")
    service.database.write(lambda db: db.execute("DELETE FROM jobs"))
