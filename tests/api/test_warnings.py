"""What makes a judge's scores worth less than they look is told from the beginning, at the end and in the receipt."""

import pytest

from tests.api.test_receipt import receipt_of
from tests.support.service import SMALL_JOB


def codes(warned):
    return [each["code"] for each in warned]


def test_a_job_whose_target_is_the_judge_says_so_at_once_at_its_end_and_in_its_receipt(service, client) -> None:
    created = client.post("/v1/optimize", json={**SMALL_JOB, "target_model_id": "sim/judge"}).json
    assert codes(created["warnings"]) == ["judge_is_target"]
    assert "sim/judge judges its own outputs" in created["warnings"][0]["message"]
    service.run(created["job_id"])
    state = client.get(f"/v1/optimize/{created['job_id']}").json
    assert "judge_is_target" in codes(state["warnings"])
    assert state["warnings"] == state["result"]["warnings"] == receipt_of(service, created["job_id"])["warnings"]


@pytest.mark.parametrize(
    "changes", [{"target_model_id": "sim/reflector"}, {"target_model_id": "sim/judge", "metric": "exact_match"}]
)
def test_a_target_that_reflects_or_a_judge_that_is_not_asked_is_no_matter(client, changes) -> None:
    assert client.post("/v1/optimize", json={**SMALL_JOB, **changes}).json["warnings"] == []
