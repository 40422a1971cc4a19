"""The client against the service over HTTP: what it asks for, and what it makes of a refusal."""

import pytest

from gepa_next.client import Client, ClientError
from tests.support.service import EXAMPLES, TOKEN


def test_a_job_is_stopped_and_resumed(service) -> None:
    with service.served() as url, Client(url, TOKEN) as client:
        job_id = client.optimize("Add.", examples=EXAMPLES, iterations=1, population=1).job_id
        client.stop(job_id)
        service.run(job_id)
        assert client.job(job_id).stop_reason == "stopped"
        assert client.resume(job_id, iterations=2).iterations == 2
        service.run(job_id)
        assert client.job(job_id).stop_reason == "iterations"


def test_a_quote_is_of_the_same_job(service) -> None:
    with service.served() as url, Client(url, TOKEN) as client:
        found = client.quote("Add.", examples=EXAMPLES, iterations=2, population=1)
        assert client.optimize("Add.", examples=EXAMPLES, iterations=2, population=1).budget == found.budget
        assert found.expected.calls > 0


def test_a_prompt_is_pinned_read_rolled_back_and_unpinned(service) -> None:
    job_id = service.finished_job(iterations=2, population=2)
    with service.served() as url, Client(url, TOKEN) as client:
        assert client.pin("orders", job_id).version == 1
        assert client.pin("orders", job_id, candidate_id=1).version == 2
        assert client.prompt("orders").text == client.candidates(job_id)[1].text
        assert client.rollback("orders", 1).text == client.prompt("orders", version=1).text
        assert [each.version for each in client.prompt_versions("orders")] == [2, 1]
        assert [each.version for each in client.prompt_history("orders")] == [1, 2, 1]
        client.unpin("orders")
        with pytest.raises(ClientError, match="not_found"):
            client.prompt("orders")


def test_a_pinned_prompt_is_tested_again(service) -> None:
    job_id = service.finished_job(iterations=2, population=2)
    with service.served() as url, Client(url, TOKEN) as client:
        client.pin("orders", job_id, candidate_id=1)
        service.client().post("/v1/examples", json={"id": "new", "input": "7 + 7"})
        made = client.retest("orders", tolerance=0.1, idempotency_key="once")
        assert client.retest("orders", tolerance=0.1, idempotency_key="once").job_id == made.job_id
        service.run(made.job_id)
        verdict = client.job(made.job_id).result.verdict
        assert [(each.job_id, each.verdict) for each in client.retests("orders")] == [(made.job_id, verdict)]


def test_a_refusal_says_which_value_is_wrong(service) -> None:
    with (
        service.served() as url,
        Client(url, TOKEN) as client,
        pytest.raises(ClientError, match="population") as caught,
    ):
        client.optimize("Add.", population=99)
    assert (caught.value.status, caught.value.code) == (422, "validation_error")
    assert [path for path, _ in caught.value.details] == ["population"]


def test_the_client_lists_the_candidates_that_no_other_dominates(service) -> None:
    job_id = service.finished_job()
    with service.served() as url, Client(url, TOKEN) as client:
        best = client.candidates(job_id, nondominated=True)
        rest = client.candidates(job_id, nondominated=False)
        every = client.candidates(job_id)
    assert best
    assert sorted((*best, *rest), key=lambda each: each.id) == [each for each in every if each.nondominated is not None]
