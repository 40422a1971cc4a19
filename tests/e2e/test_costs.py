"""What a job costs: as the provider states it, else by the operator's table, else unknown and said so."""

from contextlib import closing

import pytest

from tests.e2e.provider import STATED_COST_USD
from tests.support.service import Service, open_service

PER_CALL = {"input_tokens": 7, "output_tokens": 3}
DEAR = {"input": 1000.0, "output": 1000.0}
JUDGE = {"input": 2.0, "output": 5.0}
JUDGED_USD = (7 * 2.0 + 3 * 5.0) / 1e6


@pytest.fixture
def open_priced(tmp_path, provider):
    """Open a service with prices of the test's own, on a target that states its cost."""
    opened = []

    def with_prices(**prices: object) -> Service:
        settings = {
            "llm_base_url": provider.variables["LLM_BASE_URL"],
            "target_model_default": "acme/stating",
            "judge_model_id": "acme/judge",
            "reflection_model_id": "acme/reflector",
            "model_prices": {name.replace("_", "/"): price for name, price in prices.items()},
        }
        opened.append(open_service(tmp_path, **settings))
        return opened[-1]

    yield with_prices
    for each in opened:
        with closing(each):
            pass


def usage(service, job_id):
    return service.client().get(f"/v1/optimize/{job_id}").json["usage"]


def test_each_role_is_paid_by_what_is_known_of_it(open_priced) -> None:
    service = open_priced(acme_stating=DEAR, acme_judge=JUDGE)
    found = usage(service, service.finished_job(iterations=2))
    target, judge, reflector = (found["by_role"][role] for role in ("target", "judge", "reflector"))
    assert target["cost_usd"] == pytest.approx(target["calls"] * STATED_COST_USD)
    assert judge["cost_usd"] == pytest.approx(judge["calls"] * JUDGED_USD)
    assert reflector["calls"] > 0
    assert reflector["cost_usd"] is None
    assert found["cost_usd"] is None
    for role in (target, judge, reflector):
        assert {name: role[name] / role["calls"] for name in PER_CALL} == PER_CALL


def test_the_cost_of_a_job_is_that_of_its_roles(open_priced) -> None:
    service = open_priced(acme_judge=JUDGE, acme_reflector=JUDGE)
    found = usage(service, service.finished_job())
    costs = [role["cost_usd"] for role in found["by_role"].values()]
    assert min(costs) > 0
    assert found["cost_usd"] == pytest.approx(sum(costs))


def test_metrics_count_what_is_known_by_role_over_all_jobs(open_priced) -> None:
    service = open_priced(acme_judge=JUDGE)
    jobs = [usage(service, service.finished_job())["by_role"] for _ in range(2)]
    counted = service.client().get("/v1/metricsz").json
    for role in ("target", "judge"):
        assert counted[f"llm_cost_usd_{role}"] == pytest.approx(sum(job[role]["cost_usd"] for job in jobs))
    assert counted["llm_cost_usd_reflector"] == 0
    for role in ("target", "judge", "reflector"):
        assert counted[f"llm_tokens_input_{role}"] == sum(job[role]["input_tokens"] for job in jobs) > 0
        assert counted[f"llm_tokens_output_{role}"] == sum(job[role]["output_tokens"] for job in jobs) > 0
    text = service.client().get("/v1/metrics").text
    assert f'gepa_llm_cost_usd_total{{role="judge"}} {counted["llm_cost_usd_judge"]}' in text
