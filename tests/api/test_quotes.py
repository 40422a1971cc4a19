"""A quote answers what a job would take as the job itself would be answered, and makes none."""

import json
from importlib.resources import files

import pytest

from gepa_next.store.counters import list_counters
from tests.api.answers import refused, wrong
from tests.support.providers import ALL_BUT_LARGE, LIMITED, OPENAI, OPENROUTER, PRICES, REAL
from tests.support.service import EXAMPLES, OTHER_TOKEN, SMALL_JOB

ROLES = ("target", "judge", "reflector")
COUNTED = ("calls", "input_tokens", "output_tokens")
DEMO = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))
# With every fourth ideal out of reach no prompt is perfect, so a run ends where its limits end it.
HARD = [{**each, "ideal": f"case {n}"} if n % 4 == 0 else each for n, each in enumerate(DEMO["examples"])]
TICKETS = {**DEMO, "examples": HARD, "population": 4, "minibatch": 3}


def ask(client, **changes):
    return client.post("/v1/optimize/quote", json={**SMALL_JOB, **changes})


def quoted(client, **changes):
    answer = ask(client, **changes)
    assert answer.status_code == 200, answer.text
    return answer.json


def spent(service, job_id):
    state = service.client().get(f"/v1/optimize/{job_id}").json
    return state["stop_reason"], state["usage"]


@pytest.mark.parametrize(
    ("changes", "stop_reason"),
    [
        ({"iterations": 5}, "iterations"),
        ({"examples": HARD[:24], "metric": "exact_match", "iterations": 8}, "iterations"),
        ({"iterations": 2, "population": 8, "minibatch": 6}, "iterations"),
        ({"examples": HARD[:30], "iterations": 5, "constraints": {"max_prompt_tokens": 120}}, "iterations"),
        ({"iterations": 10, "budget": {"max_rollouts": 200}}, "max_rollouts"),
        ({"iterations": 10, "budget": {"max_calls": 400}}, "max_calls"),
    ],
)
def test_a_job_takes_about_what_is_expected_and_never_more_than_the_most(service, changes, stop_reason) -> None:
    body = {**TICKETS, **changes}
    found = quoted(service.client(), **body)
    ended_by, used = spent(service, service.finished_job(**body))
    assert ended_by == stop_reason == (found["limited_by"] or "iterations")
    for role in ROLES:
        for name in COUNTED:
            assert used["by_role"][role][name] <= found["most"]["by_role"][role][name]
    assert used["rollouts"] <= found["most"]["rollouts"]
    for name in ("rollouts", "calls", "input_tokens"):
        assert found["expected"][name] / 2 <= used[name] <= found["expected"][name] * 2, name


@pytest.mark.parametrize("changes", [{"examples": []}, {"examples": HARD[:3]}, {"examples": DEMO["examples"][:13]}])
def test_a_job_that_ends_early_takes_no_more_than_the_most(service, changes) -> None:
    body = {**TICKETS, "iterations": 3, **changes}
    found = quoted(service.client(), **body)
    _, used = spent(service, service.finished_job(**body))
    for role in ROLES:
        for name in COUNTED:
            assert used["by_role"][role][name] <= found["most"]["by_role"][role][name]


def test_a_quote_shows_the_limits_and_splits_that_the_job_has(service, client) -> None:
    found = quoted(client, budget={"patience": 3}, iterations=4)
    made = client.get(f"/v1/optimize/{service.create(budget={'patience': 3}, iterations=4)}").json
    for name in ("budget", "split", "iterations", "simulated"):
        assert found[name] == made[name]
    assert set(found["expected"]) == set(found["most"]) == set(made["usage"]) - {"known_cost_usd"}


def test_a_quote_makes_nothing_and_asks_no_model(service, client) -> None:
    for _ in range(2):
        answer = client.post("/v1/optimize/quote", json=SMALL_JOB, headers={"Idempotency-Key": "k" * 300})
        assert answer.status_code == 200
        assert "Location" not in answer.headers
    assert client.get("/v1/optimize").json["items"] == []
    counted = {each.name for each in list_counters(service.database)}
    assert not counted & {"jobs", "rollouts", "llm_calls"}


def test_a_key_that_came_with_a_quote_is_still_free(client) -> None:
    headers = {"Idempotency-Key": "k"}
    client.post("/v1/optimize/quote", json={"prompt": "a"}, headers=headers)
    assert client.post("/v1/optimize", json=SMALL_JOB, headers=headers).status_code == 201


def test_iterations_in_the_query_count(client) -> None:
    body = {"prompt": "a", "examples": EXAMPLES}
    assert client.post("/v1/optimize/quote?iterations=7", json=body).json["iterations"] == 7


def test_examples_are_drawn_from_the_bank_of_the_token(service, client) -> None:
    client.post("/v1/examples", json=[{"input": f"{n}", "tags": ["a"]} for n in range(30)])
    assert quoted(client, examples=[], bank={"tags": ["a"]})["split"] == {"train": 10, "val": 10, "test": 10}
    wrong(ask(service.client(OTHER_TOKEN), examples=[], bank={"tags": ["a"]}), "bank")


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ("", {"promt": "a"}), ("", {"prompt": 1, "seed": "x"}), ("", {"examples": [{"input": 1}] * 3}),
        ("", {"examples": [{"id": "a", "input": "1"}, {"id": "a", "input": "2"}]}),
        ("", {"metric": "exact_match", "examples": []}), ("", {"split": {"train": 9, "val": 9}}),
        ("", {"constraints": {"keep": ["not there"]}}), ("", {"examples": [], "bank": {}}),
        ("", {"budget": {"max_rollouts": 1}}), ("", {"budget": {"max_calls": 1}}),
        ("", {"budget": {"max_cost_usd": 0}}),
        ("?iterations=9", {}), ("?iterations=0", {"iterations": None}), ("?dry_run=1", {}),
        ("", {"iterations": 1000}), ("", {"metadata": {"a": "\0"}}),
    ],
)  # fmt: skip
def test_what_a_job_may_not_be_has_no_quote_for_the_same_reasons(client, query, changes) -> None:
    body = {**SMALL_JOB, **changes}
    said = [
        refused(client.post(f"/v1/optimize{path}{query}", json=body), 422, "validation_error")["details"]
        for path in ("/quote", "")
    ]
    assert said[0] == said[1] != []


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"data": "{", "content_type": "application/json"}, 400, "invalid_json"),
        ({"data": "{}", "content_type": "text/plain"}, 415, "unsupported_media_type"),
        ({"json": {"prompt": "a" * 3000}}, 413, "payload_too_large"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(open_with, given, status, code) -> None:
    client = open_with(max_request_bytes=2000).client()
    refused(client.post("/v1/optimize/quote", **given), status, code)


def test_a_quote_needs_a_token(service) -> None:
    refused(ask(service.client(token=None)), 401, "unauthorized")


def test_quotes_count_towards_the_rate_limit(open_with) -> None:
    client = open_with(rate_limit_per_min=1, rate_limit_burst=1).client()
    assert ask(client).status_code == 200
    refused(ask(client), 429, "rate_limited")


def test_what_is_simulated_is_free(client) -> None:
    found = quoted(client, **LIMITED)
    assert (found["simulated"], found["expected"]["cost_usd"], found["most"]["cost_usd"]) == (True, 0.0, 0.0)
    assert (found["unpriced_models"], found["warnings"]) == ([], [])


def test_dollars_are_tokens_times_the_table(open_with) -> None:
    found = quoted(open_with(**REAL, model_prices=PRICES).client())
    for amount in (found["expected"], found["most"]):
        for role, call in found["per_call"].items():
            usage, price = amount["by_role"][role], PRICES[call["model_id"]]
            assert call["price"] == price
            dollars = (usage["input_tokens"] * price["input"] + usage["output_tokens"] * price["output"]) / 1e6
            assert dollars > 0
            assert usage["cost_usd"] == pytest.approx(dollars)
        assert amount["cost_usd"] == pytest.approx(sum(each["cost_usd"] for each in amount["by_role"].values()))


def test_a_call_is_as_long_as_it_is_said_to_be(client) -> None:
    found = quoted(client, max_tokens=7)
    for role, call in found["per_call"].items():
        for name in ("expected", "most"):
            usage = found[name]["by_role"][role]
            assert usage["input_tokens"] == usage["calls"] * call[name]["input_tokens"]
    assert found["per_call"]["target"]["most"]["output_tokens"] == 7


def test_a_model_without_a_price_makes_the_cost_unknown_and_is_named(open_with) -> None:
    found = quoted(open_with(**REAL, model_prices=ALL_BUT_LARGE).client())
    assert found["unpriced_models"] == ["acme/large"]
    for amount in (found["expected"], found["most"]):
        assert amount["cost_usd"] is amount["by_role"]["reflector"]["cost_usd"] is None
        assert amount["by_role"]["target"]["cost_usd"] > 0
    assert found["per_call"]["reflector"]["price"] is None


@pytest.mark.parametrize("model_id", ["acme/small:free", "small", "ACME/SMALL"])
def test_a_price_is_of_exactly_the_model_that_is_sent(open_with, model_id) -> None:
    client = open_with(**REAL, model_prices=PRICES).client()
    assert quoted(client, target_model_id=model_id)["unpriced_models"] == [model_id]


def test_with_a_metric_the_judge_needs_no_price(open_with) -> None:
    prices = {name: PRICES[name] for name in ("acme/small", "acme/large")}
    found = quoted(open_with(**REAL, model_prices=prices).client(), metric="exact_match")
    assert found["unpriced_models"] == []
    assert found["expected"]["cost_usd"] > 0
    assert list(found["per_call"]) == ["target", "reflector"]


def test_a_limit_in_dollars_is_named_when_it_will_end_the_job(open_with) -> None:
    client = open_with(**REAL, model_prices=PRICES).client()
    body = {**TICKETS, "iterations": 10}
    whole = quoted(client, **body)["expected"]["cost_usd"]
    found = quoted(client, **body, budget={"max_cost_usd": whole / 2})
    assert found["limited_by"] == "max_cost_usd"
    assert found["expected"]["cost_usd"] == pytest.approx(whole / 2, rel=0.05)


def test_a_limit_in_dollars_that_certainly_cannot_be_kept_has_no_quote(open_with) -> None:
    wrong(ask(open_with(**OPENAI).client(), **LIMITED), "budget.max_cost_usd")


@pytest.mark.parametrize(
    ("settings", "changes", "warned"),
    [(REAL, LIMITED, True), (REAL, {}, False), ({**REAL, "model_prices": PRICES}, LIMITED, False),
     (OPENROUTER, LIMITED, False)],
)  # fmt: skip
def test_a_quote_warns_of_a_limit_that_perhaps_cannot_be_kept(open_with, settings, changes, warned) -> None:
    warnings = quoted(open_with(**settings).client(), **changes)["warnings"]
    assert [each["path"] for each in warnings] == ["budget.max_cost_usd"] * warned
    assert all("acme/large" in each["message"] for each in warnings)


def test_the_smallest_gain_is_that_of_the_held_out_examples(client) -> None:
    found = quoted(client, **TICKETS, iterations=None)["smallest_gain"]
    assert (found["n"], found["zero_or_one"], found["reason"]) == (20, 0.3, None)
    assert 0 < found["graded"] < found["assumed_sd"]


def test_too_few_held_out_examples_can_show_nothing(client) -> None:
    found = quoted(client)["smallest_gain"]
    assert (found["n"], found["zero_or_one"], found["graded"]) == (0, None, None)
    assert found["reason"]
