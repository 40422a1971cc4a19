"""A job's life over HTTP: made, read, listed, cancelled."""

import json

import pytest

from tests.api.answers import refused
from tests.support.service import SMALL_JOB

STATE = {
    "job_id", "status", "stop_reason", "created_at", "started_at", "updated_at", "finished_at", "iteration",
    "iterations", "target_model_id", "judge", "simulated", "metadata", "seed_score", "best_score", "best_prompt",
    "usage", "budget", "error", "result", "links",
}  # fmt: skip


def state(client, job_id):
    return client.get(f"/v1/optimize/{job_id}").json


def test_a_new_job_is_queued_and_says_where_it_is(client) -> None:
    answer = client.post("/v1/optimize", json=SMALL_JOB)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/optimize/{answer.json['job_id']}"
    assert set(answer.json) >= STATE
    assert answer.json["status"] == "queued"
    assert client.get(answer.headers["Location"]).json == answer.json


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"seed": 2**62, "temperature": 1, "max_tokens": 9, "iterations": 3, "cache": False},
        {"metadata": {"ü": [1e22, -0.0, 1.0, None, True, {"\u2028": "\U0001f600"}], "a": 2**62, "": {}}},
        {"metric": [{"name": "length", "max": 9, "weight": 0.25}, {"name": "judge", "weight": 0.75}]},
        {"budget": {"max_cost_usd": 1, "max_seconds": 0.1, "target_score": 1, "patience": 2}},
        {"examples": [{"input": "Say it.", "meta": {"a": [1.5]}}, {"input": "say it"}, {"input": "No."}]},
        {"examples": []},
    ],
    ids=",".join,
)
def test_what_a_new_job_is_answered_with_is_what_is_read_then(client, asked) -> None:
    made = client.post("/v1/optimize", json={**SMALL_JOB, **asked})
    read = client.get(made.headers["Location"])
    assert made.status_code == 201
    assert json.dumps(made.json) == json.dumps(read.json)  # as text: 1 is not 1.0 there, nor 0.0 the same as -0.0
    assert [made.headers[name] for name in ("ETag", "Retry-After", "Content-Type")] == [
        read.headers[name] for name in ("ETag", "Retry-After", "Content-Type")
    ]


def test_a_prompt_alone_is_enough(client) -> None:
    made = client.post("/v1/optimize", json={"prompt": "Say hello."}).json
    assert (made["iterations"], made["target_model_id"], made["simulated"]) == (10, "sim/target", True)
    assert made["budget"]["max_rollouts"] > 0


def test_no_examples_and_an_empty_list_are_the_same(client) -> None:
    splits = [
        client.post("/v1/optimize", json={"prompt": "a", **more}).json["split"] for more in ({}, {"examples": []})
    ]
    assert splits[0] == splits[1]


def test_the_default_of_iterations_respects_the_limit(open_with) -> None:
    client = open_with(max_iterations=4).client()
    assert client.post("/v1/optimize", json={"prompt": "a"}).json["iterations"] == 4


def test_iterations_in_the_query_count(client) -> None:
    assert client.post("/v1/optimize?iterations=7", json={"prompt": "a"}).json["iterations"] == 7


@pytest.mark.parametrize("name", ["target_model_id", "target_model", "model_id"])
def test_the_target_has_three_names(client, name) -> None:
    assert client.post("/v1/optimize", json={"prompt": "a", name: "sim/b"}).json["target_model_id"] == "sim/b"


@pytest.mark.parametrize("name", ["ideal", "expected", "output"])
def test_an_ideal_has_three_names(client, name) -> None:
    examples = [{"input": f"{n}", name: "b"} for n in range(4)]
    body = {"prompt": "a", "examples": examples, "metric": "exact_match"}
    assert client.post("/v1/optimize", json=body).status_code == 201


def test_identical_examples_are_kept_once(client) -> None:
    examples = [{"input": "1"}, {"input": "2"}, {"input": "1"}, {"input": "1", "ideal": "one"}]
    assert client.post("/v1/optimize", json={"prompt": "a", "examples": examples}).json["split"]["train"] == 3


@pytest.mark.parametrize(
    ("split", "sizes"),
    [
        ({"train": 2, "val": 2, "test": 0}, (2, 2, 0)),
        ({"train": 0.5, "val": 0.5, "test": 0.0}, (3, 3, 0)),
        ({"train": 1, "val": 1, "test": 4}, (1, 1, 4)),
    ],
)
def test_a_test_split_may_be_empty_or_most_of_all(client, split, sizes) -> None:
    found = client.post("/v1/optimize", json={**SMALL_JOB, "split": split}).json["split"]
    assert (found["train"], found["val"], found["test"]) == sizes


@pytest.mark.parametrize(
    ("split", "sizes"),
    [
        ({"train": 3, "val": 2, "test": 1}, (3, 2, 1)),
        ({"train": 3, "val": 3, "test": 0}, (3, 3, 0)),
        ({"train": 0.5, "val": 0.5}, (3, 3, 0)),
        ({"train": 0.4, "val": 0.3, "test": 0.3}, (2, 2, 2)),
    ],
)
def test_a_split_is_counts_or_fractions(client, split, sizes) -> None:
    found = client.post("/v1/optimize", json={**SMALL_JOB, "split": split}).json["split"]
    assert (found["train"], found["val"], found["test"]) == sizes


def test_metadata_comes_back_as_it_went(client) -> None:
    metadata = {"team": "é\u2028", "deep": [1, None, {"x": [True, 2**62]}], "zahl": 1.5, "": {}}
    made = client.post("/v1/optimize", json={**SMALL_JOB, "metadata": metadata}).json
    assert state(client, made["job_id"])["metadata"] == metadata


def test_json_as_deep_as_allowed_makes_a_job_that_can_be_read_and_run(service, client) -> None:
    deep = "[" * 98 + "1" + "]" * 98
    body = f'{{"prompt": "a", "iterations": 1, "metadata": {{"a": {deep}}}}}'
    made = client.post("/v1/optimize", data=body, content_type="application/json")
    assert made.status_code == 201
    service.run(made.json["job_id"])
    assert state(client, made.json["job_id"])["status"] == "finished"


def test_a_finished_job_has_its_result(done, done_id) -> None:
    found = state(done.client(), done_id)
    assert (found["status"], found["stop_reason"], found["iteration"]) == ("finished", "iterations", 1)
    assert set(found["result"]) >= {"prompt", "score", "seed_score", "verdict", "test", "lessons", "artifacts"}
    assert found["started_at"] <= found["finished_at"] <= found["updated_at"]
    assert found["usage"]["calls"] == sum(role["calls"] for role in found["usage"]["by_role"].values()) > 0
    assert found["error"] is None


def test_links_lead_somewhere(done, done_id) -> None:
    links = state(done.client(), done_id)["links"]
    assert {done.client().get(url).status_code for url in links.values()} == {200}


def test_only_a_job_that_goes_on_says_when_to_ask_again(service, client, done, done_id) -> None:
    assert int(client.get(f"/v1/optimize/{service.create()}").headers["Retry-After"]) > 0
    assert "Retry-After" not in done.client().get(f"/v1/optimize/{done_id}").headers


def test_a_state_that_has_not_changed_is_304(done, done_id) -> None:
    url = f"/v1/optimize/{done_id}"
    tag = done.client().get(url).headers["ETag"]
    assert tag.startswith('W/"')
    answer = done.client().get(url, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)


@pytest.mark.parametrize("change", ["begin", "cancel", "tell"])
def test_a_state_that_has_changed_is_200_with_another_tag(service, client, change) -> None:
    job_id = service.create()
    tag = client.get(f"/v1/optimize/{job_id}").headers["ETag"]
    acts = {
        "begin": service.begin,
        "tell": service.tell,
        "cancel": lambda job_id: client.delete(f"/v1/optimize/{job_id}"),
    }
    acts[change](job_id)
    answer = client.get(f"/v1/optimize/{job_id}", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["ETag"] != tag


def test_a_tag_of_something_else_is_200(done, done_id) -> None:
    answer = done.client().get(f"/v1/optimize/{done_id}", headers={"If-None-Match": 'W/"x"'})
    assert answer.status_code == 200


def pages(client, query):
    """Yield the items of every page."""
    cursor = ""
    for _ in range(20):
        answer = client.get(f"/v1/optimize?{query}{cursor}").json
        yield answer["items"]
        if answer["next_cursor"] is None:
            return
        cursor = f"&cursor={answer['next_cursor']}"
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 500])
def test_paging_shows_every_job_once_newest_first(service, client, limit) -> None:
    made = [service.create() for _ in range(7)]
    found = [item["job_id"] for page in pages(client, f"limit={limit}") for item in page]
    assert found == made[::-1]


def test_paging_loses_nothing_when_jobs_are_as_old_as_each_other(service, client) -> None:
    made = {service.create() for _ in range(7)}
    service.database.write(lambda db: db.execute("UPDATE jobs SET created_at = 5.0"))
    found = [item["job_id"] for page in pages(client, "limit=2") for item in page]
    assert sorted(found) == sorted(made)


def test_a_job_made_between_two_pages_moves_nothing(service, client) -> None:
    made = [service.create() for _ in range(4)]
    walk = pages(client, "limit=2")
    first = next(walk)
    service.create()
    found = [item["job_id"] for page in [first, *walk] for item in page]
    assert found == made[::-1]


def test_a_page_that_is_just_full_has_no_next(service, client) -> None:
    service.create()
    assert client.get("/v1/optimize?limit=1").json["next_cursor"] is None


def test_a_list_can_be_of_one_status(service, client) -> None:
    queued, cancelled = service.create(), service.create()
    client.delete(f"/v1/optimize/{cancelled}")
    found = {
        status: [item["job_id"] for item in client.get(f"/v1/optimize?status={status}").json["items"]]
        for status in ("queued", "cancelled", "running")
    }
    assert found == {"queued": [queued], "cancelled": [cancelled], "running": []}


def test_cancelling_a_queued_job(service, client) -> None:
    job_id = service.create()
    answer = client.delete(f"/v1/optimize/{job_id}")
    assert (answer.status_code, answer.json["status"], answer.json["stop_reason"]) == (200, "cancelled", "cancelled")
    assert answer.json["finished_at"] is not None


def test_cancelling_a_running_job(service, client) -> None:
    job_id = service.create()
    service.begin(job_id)
    assert client.delete(f"/v1/optimize/{job_id}").json["status"] == "cancelled"
    assert "event: cancelled" in client.get(f"/v1/optimize/{job_id}/events").text


def test_cancelling_twice_is_the_same(service, client) -> None:
    job_id = service.create()
    first, second = (client.delete(f"/v1/optimize/{job_id}") for _ in range(2))
    assert (second.status_code, second.json) == (200, first.json)
    assert client.get(f"/v1/optimize/{job_id}/events").text.count("event: cancelled") == 1


def test_a_finished_job_cannot_be_cancelled(done, done_id) -> None:
    refused(done.client().delete(f"/v1/optimize/{done_id}"), 409, "not_cancelable")
    assert state(done.client(), done_id)["status"] == "finished"


def test_a_cancelled_job_never_runs(service, client) -> None:
    cancelled, other = service.create(), service.create()
    client.delete(f"/v1/optimize/{cancelled}")
    service.run(other)
    assert state(client, cancelled)["usage"]["calls"] == 0


def test_while_the_server_shuts_down_no_job_is_taken(service, client) -> None:
    service.parts.draining.set()
    answer = client.post("/v1/optimize", json=SMALL_JOB)
    refused(answer, 503, "shutting_down")
    assert int(answer.headers["Retry-After"]) > 0


def test_no_command_line_takes_an_id_for_an_option(service) -> None:
    assert "-" not in "".join(service.create() for _ in range(100))
