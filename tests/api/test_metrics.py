"""Metrics: Prometheus text, and the same numbers as flat JSON."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.judges import record_checks

FLAT = {"jobs_created", "jobs_finished", "jobs_failed", "jobs_cancelled", "sse_clients"}


def samples(service):
    text = service.client(token=None).get("/v1/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def flat(service):
    return service.client(token=None).get("/v1/metricsz").json


def test_a_new_server_counts_from_nothing(service) -> None:
    assert set(flat(service)) >= FLAT
    assert {flat(service)[name] for name in FLAT} == {0}


def test_jobs_are_counted_by_what_became_of_them(service, client) -> None:
    service.finished_job()
    client.delete(f"/v1/optimize/{service.create()}")
    found = flat(service)
    assert [found[f"jobs_{end}"] for end in ("created", "finished", "failed", "cancelled")] == [2, 1, 0, 1]
    assert samples(service)["gepa_jobs_total", (("status", "finished"),)] == 1


def test_what_a_job_consumed_is_counted(done, done_id) -> None:
    usage = done.client().get(f"/v1/optimize/{done_id}").json["usage"]
    found = samples(done)
    assert found["gepa_rollouts_total", ()] == usage["rollouts"]
    for role, spent in usage["by_role"].items():
        assert found["gepa_llm_calls_total", (("outcome", "ok"), ("role", role))] == spent["calls"]
        assert found["gepa_llm_tokens_total", (("direction", "input"), ("role", role))] == spent["input_tokens"]
        assert found["gepa_llm_cost_usd_total", (("role", role),)] == 0


def test_counts_outlive_a_restart(open_with) -> None:
    before = open_with()
    before.create()
    before.close()
    assert flat(open_with())["jobs_created"] == 1


def test_a_replayed_request_is_not_a_job_more(service, client) -> None:
    for _ in range(2):
        client.post("/v1/optimize", json={"prompt": "a"}, headers={"Idempotency-Key": "k"})
    assert flat(service)["jobs_created"] == 1


@pytest.mark.parametrize("name", ["gepa_jobs_running", "sse_clients"])
def test_gauges_are_there_when_nothing_happens(done, name) -> None:
    assert samples(done)[name, ()] == 0


def test_a_running_job_is_counted_while_it_runs(service) -> None:
    job_id = service.create()
    service.begin(job_id)
    assert samples(service)["gepa_jobs_running", ()] == 1
    service.client().delete(f"/v1/optimize/{job_id}")
    assert samples(service)["gepa_jobs_running", ()] == 0


def test_the_judges_gauges_appear_with_its_first_check(service) -> None:
    assert not {"judge_shift", "judge_moved"} & set(flat(service))
    record_checks(service.database, service.settings, shift=-0.1)
    assert flat(service)["judge_shift"] == pytest.approx(-0.1)
    assert flat(service)["judge_moved"] == 1
    assert samples(service)["gepa_judge_shift", ()] == pytest.approx(-0.1)
    assert samples(service)["gepa_judge_moved", ()] == 1


def test_a_baseline_is_no_move(service) -> None:
    record_checks(service.database, service.settings)
    assert (flat(service)["judge_shift"], flat(service)["judge_moved"]) == (0, 0)


def test_requests_are_measured_by_route_and_not_by_path(done, done_id) -> None:
    done.client().get(f"/v1/optimize/{done_id}")
    text = done.client().get("/v1/metrics").text
    assert 'url_rule="/v1/optimize/<job_id>"' in text
    assert done_id not in text
