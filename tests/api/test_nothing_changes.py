"""What a job's status or its spending does not allow is refused in clear words, and changes nothing at all."""

import pytest

from tests.api.answers import refused, wrong
from tests.support.service import SMALL_JOB

KEY = {"Idempotency-Key": "order-66"}


def everything(service) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table."""
    tables = [row["name"] for row in service.database.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: [tuple(row) for row in service.database.rows(f"SELECT * FROM {name}")] for name in tables}  # noqa: S608


@pytest.fixture
def spent(service) -> str:
    """The id of a finished job that consumed some of everything there is a limit on."""
    job_id = service.finished_job(iterations=2)
    service.database.write(lambda db: db.execute("UPDATE usage SET cost_usd = 1.5"))
    return job_id


@pytest.mark.parametrize(
    ("limit", "value"),
    [("max_rollouts", 2), ("max_calls", 2), ("max_tokens", 2), ("max_cost_usd", 0.5), ("max_seconds", 0.000001)],
)
def test_a_budget_below_what_is_spent(service, client, spent, limit, value) -> None:
    before = everything(service)
    answer = client.post(f"/v1/optimize/{spent}/resume", json={"iterations": 9, "budget": {limit: value}})
    assert "spent already" in wrong(answer, f"budget.{limit}")
    assert everything(service) == before


def test_fewer_iterations_than_are_complete(service, client, spent) -> None:
    before = everything(service)
    answer = client.post(f"/v1/optimize/{spent}/resume", json={"iterations": 1})
    assert "spent already" in wrong(answer, "iterations")
    assert everything(service) == before


def test_resuming_what_has_nothing_left_to_do(service, client, spent) -> None:
    before = everything(service)
    error = refused(client.post(f"/v1/optimize/{spent}/resume"), 409, "not_resumable")
    assert "iterations" in error["message"]
    assert everything(service) == before


@pytest.mark.parametrize("status", ["queued", "running"])
def test_resuming_what_has_not_ended(service, client, status) -> None:
    job_id = service.create()
    if status == "running":
        service.begin(job_id)
    before = everything(service)
    error = refused(client.post(f"/v1/optimize/{job_id}/resume", json={"iterations": 9}), 409, "not_resumable")
    assert status in error["message"]
    assert everything(service) == before


@pytest.mark.parametrize(("method", "action"), [("DELETE", ""), ("POST", "/stop"), ("POST", "/resume")])
def test_asking_something_of_an_unknown_job(service, client, method, action) -> None:
    service.create()
    before = everything(service)
    error = refused(client.open(f"/v1/optimize/nobody-knows{action}", method=method), 404, "not_found")
    assert "no such job" in error["message"]
    assert everything(service) == before


def test_cancelling_what_has_ended(service, client, spent) -> None:
    before = everything(service)
    assert "finished" in refused(client.delete(f"/v1/optimize/{spent}"), 409, "not_cancelable")["message"]
    assert everything(service) == before


def test_stopping_what_has_ended(service, client, spent) -> None:
    before = everything(service)
    assert "finished" in refused(client.post(f"/v1/optimize/{spent}/stop"), 409, "not_stoppable")["message"]
    assert everything(service) == before


def test_a_key_that_came_with_another_body(service, client) -> None:
    client.post("/v1/optimize", json=SMALL_JOB, headers=KEY)
    before = everything(service)
    answer = client.post("/v1/optimize", json={**SMALL_JOB, "seed": 2}, headers=KEY)
    assert "another body" in refused(answer, 422, "idempotency_key_reused")["message"]
    assert everything(service) == before
