"""A comparison makes a job for each target, on the same examples and by the same judge, and sets them side by side."""

import pytest
from werkzeug.test import TestResponse

from gepa_next.store.housekeeping import prune_jobs
from tests.api.answers import refused, wrong
from tests.support.providers import ALL_BUT_LARGE, LIMITED, OPENAI, PRICES, REAL
from tests.support.service import OTHER_TOKEN, Service

EXAMPLES = [{"id": f"e{n}", "input": f"Order {n} lamps.", "ideal": f"lamp {n}"} for n in range(1, 25)]
MODELS = ["acme/small", "acme/large", "other/model"]
BODY = {"prompt": "Extract the order.", "examples": EXAMPLES, "iterations": 1, "population": 2}
RESCORE = (
    "UPDATE rollouts SET score = ? WHERE job_id = ? AND split = 'test'"
    " AND candidate_id = (SELECT best_candidate_id FROM jobs WHERE id = job_id)"
)
KEY = {"Idempotency-Key": "compare-1"}


def asked(service: Service, *, headers: dict | None = None, **changes: object) -> TestResponse:
    body = {**BODY, "target_model_ids": MODELS, **changes}
    return service.client().post("/v1/comparisons", json=body, headers=headers)


def compared(service: Service, **changes: object) -> dict:
    """Make a comparison, run all its jobs, and return its state."""
    made = asked(service, **changes)
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"/v1/comparisons/{made.json['comparison_id']}"
    for each in made.json["targets"]:
        service.run(each["job_id"])
    return read(service, made.json["comparison_id"]).json


def read(service: Service, comparison_id: str, **headers: str) -> TestResponse:
    return service.client().get(f"/v1/comparisons/{comparison_id}", headers=headers)


def jobs(service: Service, state: dict) -> list[dict]:
    return [service.client().get(each["links"]["job"]).json for each in state["targets"]]


@pytest.fixture
def done(service) -> dict:
    return compared(service)


def test_each_target_has_a_job_that_is_the_same_in_all_else(service, done) -> None:
    found = jobs(service, done)
    assert [each["target_model_id"] for each in done["targets"]] == MODELS
    assert [each["target_model_id"] for each in found] == MODELS
    same = ("seed", "split", "judge", "budget", "iterations", "comparison_id")
    assert {str([job[name] for name in same]) for job in found} == {str([found[0][name] for name in same])}
    assert found[0]["comparison_id"] == done["comparison_id"]
    receipts = [service.client().get(f"/v1/optimize/{job['job_id']}/artifacts/receipt.json").json for job in found]
    assert {receipt["splits"]["test"]["sha256"] for receipt in receipts} == {receipts[0]["splits"]["test"]["sha256"]}


def test_the_table_says_of_each_job_what_it_says_itself(service, done) -> None:
    assert done["status"] == "finished"
    for row, job in zip(done["targets"], jobs(service, done), strict=True):
        assert {name: row[name] for name in ("status", "stop_reason", "seed_score", "best_score", "usage")} == {
            name: job[name] for name in ("status", "stop_reason", "seed_score", "best_score", "usage")
        }
        assert (row["test"], row["verdict"]) == (job["result"]["test"], job["result"]["verdict"])
        assert 0 <= row["latency"]["median_s"] <= row["latency"]["p95_s"]


def test_its_jobs_are_listed_like_others(service, done) -> None:
    listed = service.client().get("/v1/optimize").json["items"]
    assert {job["job_id"] for job in listed} == {each["job_id"] for each in done["targets"]}
    assert service.client().get(f"{listed[0]['links']['self']}/events").text.count("event: finished") == 1
    alone = service.create()
    assert service.client().get(f"/v1/optimize/{alone}").json["comparison_id"] is None


def rescored(service: Service, state: dict, scores: dict[str, float]) -> dict:
    """Have the champions score this on the held-out examples, by target."""
    for each in state["targets"]:
        values = (scores[each["target_model_id"]], each["job_id"])
        service.database.write(lambda db, values=values: db.execute(RESCORE, values))
    return read(service, state["comparison_id"]).json


def test_pair_by_pair_it_says_which_champion_is_better_on_the_same_examples(service, done) -> None:
    state = rescored(service, done, {"acme/small": 1.0, "acme/large": 0.0, "other/model": 0.0})
    told = [(each["target_model_id"], each["other_model_id"], each["verdict"]) for each in state["differences"]]
    assert told == [
        ("acme/small", "acme/large", "better"),
        ("acme/small", "other/model", "better"),
        ("acme/large", "other/model", "not_shown"),
    ]
    first = {"n": 8, "score": 1.0, "other_score": 0.0, "difference": 1.0, "wins": 8, "losses": 0}
    assert state["differences"][0].items() >= first.items()
    assert state["differences"][0]["interval"][0] > 0
    worse = rescored(service, done, {"acme/small": 0.0, "acme/large": 1.0, "other/model": 0.0})["differences"]
    assert [each["verdict"] for each in worse] == ["worse", "not_shown", "better"]


def test_models_that_answer_alike_are_not_told_apart(done) -> None:
    assert {(each["difference"], each["verdict"]) for each in done["differences"]} == {(0.0, "not_shown")}


def test_before_all_have_ended_nothing_is_compared(service) -> None:
    state = asked(service).json
    assert (state["status"], state["differences"]) == ("queued", [])
    service.begin(state["targets"][0]["job_id"])
    answer = read(service, state["comparison_id"])
    assert (answer.json["status"], answer.headers["Retry-After"]) == ("running", "2")


def test_while_one_goes_on_the_others_are_not_compared_either(service, done) -> None:
    goes_on = "UPDATE jobs SET status = 'running' WHERE id = ?"
    service.database.write(lambda db: db.execute(goes_on, (done["targets"][2]["job_id"],)))
    state = read(service, done["comparison_id"]).json
    assert (state["status"], state["differences"]) == ("running", [])


def test_without_a_test_there_is_nothing_to_conclude(service) -> None:
    state = compared(service, split={"train": 12, "val": 12}, target_model_ids=MODELS[:2])
    (found,) = state["differences"]
    assert (found["verdict"], found["n"], found["difference"]) == ("inconclusive", 0, None)


def test_an_answer_that_has_not_changed_is_not_sent_again(service, done) -> None:
    tag = read(service, done["comparison_id"]).headers["ETag"]
    assert read(service, done["comparison_id"], **{"If-None-Match": tag}).status_code == 304
    service.database.write(lambda db: db.execute("UPDATE jobs SET last_event_id = last_event_id + 1"))
    assert read(service, done["comparison_id"], **{"If-None-Match": tag}).status_code == 200


def test_cancelling_cancels_all_that_have_not_ended(service) -> None:
    state = asked(service).json
    done = state["targets"][0]["job_id"]
    service.database.write(lambda db: db.execute("UPDATE jobs SET status = 'finished' WHERE id = ?", (done,)))
    path = f"/v1/comparisons/{state['comparison_id']}"
    first, again = service.client().delete(path), service.client().delete(path)
    assert (first.status_code, again.status_code) == (200, 200)
    assert [each["status"] for each in again.json["targets"]] == ["finished", "cancelled", "cancelled"]
    assert again.json["status"] == "finished"


def test_what_has_ended_cannot_be_cancelled(service, done) -> None:
    refused(service.client().delete(f"/v1/comparisons/{done['comparison_id']}"), 409, "not_cancelable")


def test_the_same_request_makes_one_comparison(service) -> None:
    first, again = asked(service, headers=KEY), asked(service, headers=KEY)
    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (201, 200, "true")
    assert first.json == again.json
    assert len(service.client().get("/v1/optimize").json["items"]) == len(MODELS)
    refused(asked(service, headers=KEY, target_model_ids=MODELS[:2]), 422, "idempotency_key_reused")
    body = {**BODY, "target_model_id": "acme/small"}
    refused(service.client().post("/v1/optimize", json=body, headers=KEY), 422, "idempotency_key_reused")


@pytest.mark.parametrize(("room", "fits"), [(2, False), (3, True)])
def test_the_queue_takes_all_of_them_or_none(open_with, room, fits) -> None:
    service = open_with(max_queued_jobs=room)
    answer = asked(service)
    assert len(service.client().get("/v1/optimize").json["items"]) == (3 if fits else 0)
    if not fits:
        refused(answer, 503, "queue_full")


def test_a_comparison_is_gone_when_all_its_jobs_are(service, done) -> None:
    row = done["targets"][1]
    service.database.write(lambda db: db.execute("UPDATE jobs SET finished_at = 1.0 WHERE id = ?", (row["job_id"],)))
    prune_jobs(service.database, before=2.0)
    left = read(service, done["comparison_id"]).json
    assert [each["target_model_id"] for each in left["targets"]] == ["acme/small", "other/model"]
    prune_jobs(service.database, before=float("inf"))
    refused(read(service, done["comparison_id"]), 404, "not_found")


def test_another_token_has_no_such_comparison(service, done) -> None:
    bob, path = service.client(OTHER_TOKEN), f"/v1/comparisons/{done['comparison_id']}"
    refused(bob.get(path), 404, "not_found")
    refused(bob.delete(path), 404, "not_found")
    refused(bob.get("/v1/comparisons/unheard-of"), 404, "not_found")


def test_a_quote_says_what_each_takes_and_all_together(open_with) -> None:
    service = open_with(**REAL, model_prices=PRICES)
    body = {**BODY, "target_model_ids": ["acme/small", "acme/large"]}
    found = service.client().post("/v1/comparisons/quote", json=body).json
    assert [each["target_model_id"] for each in found["targets"]] == body["target_model_ids"]
    for kind in ("expected", "most"):
        costs = [each["quote"][kind]["cost_usd"] for each in found["targets"]]
        assert found[kind]["cost_usd"] == pytest.approx(sum(costs))
        assert costs[1] > costs[0] > 0
        calls = [each["quote"][kind]["by_role"]["target"]["calls"] for each in found["targets"]]
        assert found[kind]["by_role"]["target"]["calls"] == sum(calls)
    alone = service.client().post("/v1/optimize/quote", json={**BODY, "target_model_id": "acme/large"}).json
    assert found["targets"][1]["quote"] == alone
    assert service.client().get("/v1/optimize").json["items"] == []


def test_a_limit_that_one_target_could_not_keep_is_refused(open_with) -> None:
    service = open_with(**OPENAI, model_prices={**ALL_BUT_LARGE, "acme/large": PRICES["acme/large"]})
    assert "cannot be kept" in wrong(asked(service, **LIMITED), "budget.max_cost_usd")


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"target_model_ids": []}, "target_model_ids", "at least 2"),
        ({"target_model_ids": ["one"]}, "target_model_ids", "at least 2"),
        ({"target_model_ids": [f"m{n}" for n in range(9)]}, "target_model_ids", "at most 8"),
        ({"target_model_ids": ["one", "two", "one"]}, "target_model_ids", "named twice"),
        ({"target_model_ids": ["one", ""]}, "target_model_ids.1", "at least 1"),
        ({"target_model_ids": "one"}, "target_model_ids", "list"),
        ({"target_model_ids": None}, "target_model_ids", "list"),
        ({"target_model_id": "one"}, "target_model_id", "not beside target_model_ids"),
        ({"model_id": "one"}, "model_id", "not beside target_model_ids"),
        ({"program_url": "http://127.0.0.1:9/"}, "program_url", "a program is one target"),
        ({"prompts": {"a": "b"}}, "prompts", "a program is one target"),
        ({"metric": "program"}, "metric", "program"),
        ({"prompt": " "}, "prompt", "empty"),
        ({"prompt": None}, "prompt", "must be text"),
        ({"examples": []}, "examples", "needs examples or a bank"),
        ({"iterations": 10**6}, "iterations", "MAX_ITERATIONS"),
        ({"nonsense": 1}, "nonsense", "no such field"),
    ],
)
def test_what_cannot_be_compared_is_named(service, changes, path, said) -> None:
    body = {**BODY, "target_model_ids": MODELS, **changes}
    for route in ("comparisons", "comparisons/quote"):
        assert said in wrong(service.client().post(f"/v1/{route}", json=body), path)
    assert service.client().get("/v1/optimize").json["items"] == []


def test_a_job_alone_has_one_target(service) -> None:
    answer = service.client().post("/v1/optimize", json={**BODY, "target_model_ids": MODELS})
    assert "no such field" in wrong(answer, "target_model_ids")


def test_the_simulator_is_no_target_where_there_are_real_models(open_with) -> None:
    service = open_with(**REAL)
    assert "simulator is off" in wrong(
        asked(service, target_model_ids=["acme/small", "sim/target"]), "target_model_ids.1"
    )
