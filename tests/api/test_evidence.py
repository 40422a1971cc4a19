"""What a job leaves behind: candidates and artifacts."""

import json
from hashlib import sha256

import pytest

from gepa_next.api.evidence.artifacts import ARTIFACTS
from gepa_next.store.events import PAGE
from tests.support.service import SMALL_JOB

MADE_FROM_THE_RECEIPT = {"receipt.json", "report.html"}  # it cannot hold its own hash, nor that of what holds its


def artifact(service, job_id, name):
    return service.client().get(f"/v1/optimize/{job_id}/artifacts/{name}")


def lines(answer):
    return [json.loads(line) for line in answer.text.splitlines()]


def test_every_candidate_is_shown_with_its_decision(done, done_id) -> None:
    items = done.client().get(f"/v1/optimize/{done_id}/candidates").json["items"]
    assert [item["id"] for item in items] == list(range(len(items)))
    assert items[0]["text"] == SMALL_JOB["prompt"]
    assert (items[0]["decision"], items[0]["accepted"], items[0]["parent_ids"]) == ("seed", True, [])
    assert len(items) > 1
    assert all(item["accepted"] or item["reason"] for item in items)


def test_a_queued_job_has_no_candidates_yet(service, client) -> None:
    assert client.get(f"/v1/optimize/{service.create()}/candidates").json == {"items": []}


def test_the_index_tells_of_every_artifact_what_it_is(done, done_id) -> None:
    items = done.client().get(f"/v1/optimize/{done_id}/artifacts").json["items"]
    assert [item["name"] for item in items] == list(ARTIFACTS)
    for item in items:
        answer = done.client().get(item["url"])
        assert (answer.status_code, answer.content_type) == (200, item["content_type"])
        assert len(answer.data) == item["bytes"]


def sizes(service, job_id):
    items = service.client().get(f"/v1/optimize/{job_id}/artifacts").json["items"]
    return {item["name"]: item["bytes"] for item in items}


def test_the_index_of_a_job_that_has_ended_is_made_once(service) -> None:
    job_id = service.finished_job()
    before = sizes(service, job_id)
    service.database.write(lambda db: db.execute("DELETE FROM rollouts"))
    assert sizes(service, job_id) == before


def test_the_index_of_a_job_that_went_on_is_made_anew(service, client) -> None:
    job_id = service.finished_job()
    before = sizes(service, job_id)
    client.post(f"/v1/optimize/{job_id}/resume", json={"iterations": 9})
    service.run(job_id)
    after = sizes(service, job_id)
    assert after["rollouts.jsonl"] > before["rollouts.jsonl"]
    assert after == {name: len(artifact(service, job_id, name).data) for name in ARTIFACTS}


def test_the_index_of_a_job_that_runs_is_made_each_time(service) -> None:
    job_id = service.create()
    service.begin(job_id)
    before = sizes(service, job_id)
    service.database.write(lambda db: db.execute("UPDATE jobs SET rollouts = 1000"))
    assert sizes(service, job_id)["receipt.json"] == before["receipt.json"] + len("000")


def test_the_index_of_a_cancelled_job_is_made_each_time_for_answers_may_still_come(service, client) -> None:
    job_id = service.create()
    client.delete(f"/v1/optimize/{job_id}")
    before = sizes(service, job_id)
    service.database.write(lambda db: db.execute("UPDATE jobs SET rollouts = 1000"))
    assert sizes(service, job_id) != before


def test_the_index_and_the_receipt_state_the_hash_of_every_artifact(done, done_id) -> None:
    items = done.client().get(f"/v1/optimize/{done_id}/artifacts").json["items"]
    stated = artifact(done, done_id, "receipt.json").json["artifacts"]
    for item in items:
        content = artifact(done, done_id, item["name"]).data
        mark = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
        assert mark.items() <= item.items()
        assert item["name"] in MADE_FROM_THE_RECEIPT or stated[item["name"]] == mark
    assert set(stated) == set(ARTIFACTS) - MADE_FROM_THE_RECEIPT


@pytest.mark.parametrize("name", ARTIFACTS)
def test_every_artifact_can_be_made_before_the_job_has_begun(service, name) -> None:
    assert artifact(service, service.create(), name).status_code == 200


def test_the_prompt_is_the_result_s(done, done_id) -> None:
    result = done.client().get(f"/v1/optimize/{done_id}").json["result"]
    assert artifact(done, done_id, "prompt.txt").text == result["prompt"]


def test_the_prompt_of_a_job_that_has_not_begun_is_the_seed(service) -> None:
    assert artifact(service, service.create(), "prompt.txt").text == SMALL_JOB["prompt"]


def test_candidates_and_rollouts_come_as_lines(done, done_id) -> None:
    state = done.client().get(f"/v1/optimize/{done_id}").json
    candidates = lines(artifact(done, done_id, "candidates.jsonl"))
    rollouts = lines(artifact(done, done_id, "rollouts.jsonl"))
    assert candidates[0]["validation_score"] == state["seed_score"]
    assert len(rollouts) == state["usage"]["rollouts"]
    assert {rollout["candidate_id"] for rollout in rollouts} <= {candidate["id"] for candidate in candidates}


def test_the_event_log_is_what_the_stream_tells_byte_for_byte(done, done_id) -> None:
    frames = done.client().get(f"/v1/optimize/{done_id}/events").data.splitlines()
    told = [each.removeprefix(b"data: ") for each in frames if each.startswith(b"data: ")]
    assert artifact(done, done_id, "events.jsonl").data == b"".join(each + b"\n" for each in told)


def test_the_event_log_of_a_long_job_is_read_in_pages_and_whole(service) -> None:
    job_id = service.create()
    service.tell(job_id, 2 * PAGE + 1)
    ids = [event["id"] for event in lines(artifact(service, job_id, "events.jsonl"))]
    assert ids == list(range(1, 2 * PAGE + 2))


def test_lessons_are_listed(done, done_id) -> None:
    text = artifact(done, done_id, "lessons.md").text
    for lesson in done.client().get(f"/v1/optimize/{done_id}").json["result"]["lessons"]:
        assert f"- {lesson}" in text


def test_the_receipt_says_what_was_asked_and_done(done, done_id) -> None:
    receipt = artifact(done, done_id, "receipt.json").json
    assert receipt["job_id"] == done_id
    assert receipt["simulated"] is True
    assert receipt["spec"]["seed"] == SMALL_JOB["seed"]
    splits = [set(receipt["splits"][name]["ids"]) for name in ("train", "validation", "test")]
    assert set().union(*splits) == {example["id"] for example in SMALL_JOB["examples"]}


def test_the_diff_of_an_unchanged_prompt_is_empty(service) -> None:
    assert artifact(service, service.create(), "prompt.diff").text == ""


def test_candidates_that_no_other_dominates_are_marked_and_can_be_asked_for(done, done_id) -> None:
    client = done.client()
    url = f"/v1/optimize/{done_id}/candidates"
    result = client.get(f"/v1/optimize/{done_id}").json["result"]
    found = result["nondominated"]
    front = {each["candidate_id"] for each in found["candidates"] if not each["dominated"]}
    items = client.get(url).json["items"]
    assert front
    assert {item["id"] for item in items if item["nondominated"]} == front
    assert {item["id"] for item in items if item["nondominated"] is not None} == set(found["comparable"])
    assert any(item["nondominated"] is None for item in items)
    assert client.get(f"{url}?nondominated=true").json["items"] == [item for item in items if item["nondominated"]]
    assert client.get(f"{url}?nondominated=false").json["items"] == [
        item for item in items if item["nondominated"] is False
    ]


def test_before_the_end_it_is_not_known_which_candidates_are_dominated(service, client) -> None:
    job_id = service.finished_job()
    client.post(f"/v1/optimize/{job_id}/resume", json={"iterations": 9})
    url = f"/v1/optimize/{job_id}/candidates"
    assert {item["nondominated"] for item in client.get(url).json["items"]} == {None}
    assert client.get(f"{url}?nondominated=true").json == {"items": []}


@pytest.mark.parametrize(
    "query", ["nondominated=yes", "nondominated=", "nondominated=true&nondominated=true", "front=1"]
)
def test_another_query_for_candidates_is_refused(done, done_id, query) -> None:
    assert done.client().get(f"/v1/optimize/{done_id}/candidates?{query}").status_code == 422


def test_the_last_event_says_whether_the_job_is_simulated(done, done_id) -> None:
    (last,) = lines(artifact(done, done_id, "events.jsonl"))[-1:]
    result = done.client().get(f"/v1/optimize/{done_id}").json["result"]
    assert (last["type"], last["data"]["simulated"], result["simulated"]) == ("finished", True, True)
