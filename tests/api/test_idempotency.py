"""A request sent again under its key makes no second job."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.answers import refused
from tests.support.service import OTHER_TOKEN, SMALL_JOB

KEY = {"Idempotency-Key": "order-66"}


def ask(client, headers=KEY, query="", **changes):
    return client.post(f"/v1/optimize{query}", json={**SMALL_JOB, **changes}, headers=headers)


def test_the_same_body_again_is_the_same_job(client) -> None:
    first, again = ask(client), ask(client)
    assert (first.status_code, again.status_code) == (201, 200)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json["job_id"] == first.json["job_id"]
    assert len(client.get("/v1/optimize").json["items"]) == 1


def test_another_body_under_the_key_is_422(client) -> None:
    ask(client)
    error = refused(ask(client, prompt="Another prompt."), 422, "idempotency_key_reused")
    assert error["details"][0]["path"] == "Idempotency-Key"
    assert len(client.get("/v1/optimize").json["items"]) == 1


@pytest.mark.parametrize(
    "body", ["the prompt", {"prompt": "a", "metric": "vibes"}, {"prompt": "a", "metadata": {"b": 1}}]
)
def test_a_key_does_not_hide_an_error(client, body) -> None:
    ask(client)
    assert client.post("/v1/optimize", json=body, headers=KEY).status_code == 422


@pytest.mark.parametrize(("first", "second"), [("?iterations=3", ""), ("", "?iterations=3")])
def test_it_does_not_matter_where_the_iterations_are_said(client, first, second) -> None:
    bodies = {"?iterations=3": None, "": 3}
    job_id = ask(client, query=first, iterations=bodies[first]).json["job_id"]
    assert ask(client, query=second, iterations=bodies[second]).json["job_id"] == job_id


def test_an_alias_is_the_same_body(client) -> None:
    job_id = ask(client, target_model_id="sim/target").json["job_id"]
    assert ask(client, model_id="sim/target").json["job_id"] == job_id


def test_without_a_key_each_request_is_a_job(client) -> None:
    assert ask(client, headers={}).json["job_id"] != ask(client, headers={}).json["job_id"]


def test_twenty_at_once_are_one_job(service) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(service.client()), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json["job_id"] for answer in answers}) == 1
    assert len(service.client().get("/v1/optimize").json["items"]) == 1


def test_a_key_is_its_token_s_own(service) -> None:
    mine, theirs = ask(service.client()), ask(service.client(OTHER_TOKEN))
    assert theirs.status_code == 201
    assert theirs.json["job_id"] != mine.json["job_id"]


def test_a_key_outlives_a_restart(open_with) -> None:
    before = open_with()
    job_id = ask(before.client()).json["job_id"]
    before.close()
    again = ask(open_with().client())
    assert (again.status_code, again.json["job_id"]) == (200, job_id)


def test_a_key_outlives_its_job(service, client) -> None:
    job_id = ask(client).json["job_id"]
    service.run(job_id)
    again = ask(client)
    assert (again.status_code, again.json["status"], again.json["job_id"]) == (200, "finished", job_id)


def test_a_key_expires(open_with) -> None:
    client = open_with(idempotency_ttl_s=1e-9).client()
    assert [ask(client).status_code, ask(client).status_code] == [201, 201]


def test_a_job_from_the_bank_is_the_same_when_the_bank_has_changed(client) -> None:
    client.post("/v1/examples", json={"id": "a", "input": "1"})
    job_id = ask(client, examples=[], bank={}).json["job_id"]
    client.delete("/v1/examples/a")
    again = ask(client, examples=[], bank={})
    assert (again.status_code, again.json["job_id"]) == (200, job_id)


def test_a_full_queue_answers_what_it_has_made(open_with) -> None:
    client = open_with(max_queued_jobs=1).client()
    job_id = ask(client).json["job_id"]
    assert ask(client).json["job_id"] == job_id


def test_a_refused_request_leaves_its_key_free(client) -> None:
    ask(client, population=0)
    assert ask(client).status_code == 201


def test_the_order_of_keys_is_no_difference(client) -> None:
    bodies = [{**SMALL_JOB, "metadata": each} for each in ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
    codes = [
        client.post("/v1/optimize", json=each, headers={"Idempotency-Key": "order"}).status_code for each in bodies
    ]
    assert codes == [201, 200]
