"""A limit in USD is refused where it is certain that it cannot be kept, and nowhere else."""

import pytest

from tests.api.answers import wrong
from tests.support.providers import ALL_BUT_LARGE, LIMITED, OPENAI, OPENROUTER, PRICES, REAL
from tests.support.service import SMALL_JOB


def test_a_limit_in_dollars_that_certainly_cannot_be_kept_is_refused(open_with) -> None:
    client = open_with(**OPENAI, model_prices=ALL_BUT_LARGE).client()
    said = wrong(client.post("/v1/optimize", json={**SMALL_JOB, **LIMITED}), "budget.max_cost_usd")
    assert "acme/large" in said
    assert "acme/small" not in said
    assert client.get("/v1/optimize").json["items"] == []


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        (OPENAI, {}),
        ({**OPENAI, "model_prices": PRICES}, LIMITED),
        ({**OPENAI, "model_prices": PRICES, "judge_model_id": "acme/unpriced"}, {**LIMITED, "metric": "exact_match"}),
        (OPENROUTER, LIMITED),
        (REAL, LIMITED),
    ],
    ids=["no limit", "all priced", "no judge", "cost is stated", "not known"],
)
def test_a_limit_in_dollars_is_taken_as_long_as_it_may_be_kept(open_with, settings, changes) -> None:
    client = open_with(**settings).client()
    assert client.post("/v1/optimize", json={**SMALL_JOB, **changes}).status_code == 201


def test_a_role_with_an_endpoint_of_its_own_is_asked_about_there(open_with) -> None:
    elsewhere = {"reflection_base_url": "https://api.openai.com/v1", "reflection_api_key": "sk-canary"}
    client = open_with(**{**OPENROUTER, **elsewhere}).client()
    wrong(client.post("/v1/optimize", json={**SMALL_JOB, **LIMITED}), "budget.max_cost_usd")


def test_a_reflector_that_is_the_judges_model_is_asked_about_where_the_judge_is(open_with) -> None:
    judged_elsewhere = {"judge_base_url": "https://api.openai.com/v1", "judge_api_key": "sk-canary"}
    client = open_with(**{**OPENROUTER, **judged_elsewhere, "reflection_model_id": ""}).client()
    job = {**SMALL_JOB, **LIMITED, "metric": "exact_match"}  # without a judge: the reflector alone has no price
    wrong(client.post("/v1/optimize", json=job), "budget.max_cost_usd")


def test_a_limit_in_dollars_that_cannot_be_kept_is_refused_at_resumption_too(open_with) -> None:
    service = open_with(**OPENAI)
    job_id = service.create()
    service.client().delete(f"/v1/optimize/{job_id}")
    wrong(service.client().post(f"/v1/optimize/{job_id}/resume", json=LIMITED), "budget.max_cost_usd")
