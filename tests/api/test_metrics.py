"""Metrics: Prometheus text, and the same numbers as flat JSON."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client import Counter as Instrument
from prometheus_client.parser import text_string_to_metric_families

from gepa_next.metering import collector_of, meter_of
from gepa_next.models import Process
from gepa_next.store.leases import boot_id
from gepa_next.store.measured import list_shown, record_measured
from gepa_next.telemetry.collector import JOB_ENDS
from gepa_next.telemetry.http import METHODS
from gepa_next.telemetry.measures import Measures
from gepa_next.telemetry.meter import Meter
from gepa_next.tokens.private_file import write_private
from tests.support.holding import held
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


def test_each_request_is_counted_under_its_method_route_and_status(service) -> None:
    job_id = service.create()
    for client in (service.client(), service.client(), service.client(token=None)):
        client.get(f"/v1/optimize/{job_id}")
        client.head(f"/v1/optimize/{job_id}")
    found = samples(service)
    for method in ("GET", "HEAD"):
        for status, count in (("200", 2), ("401", 1)):
            labels = (("method", method), ("status", status))
            assert found["flask_http_request_total", labels] == count
            route = ("url_rule", "/v1/optimize/<job_id>")
            assert found["flask_http_request_duration_seconds_count", (*labels, route)] == count


def test_a_request_that_nothing_answers_is_counted_as_500_and_once(service) -> None:
    def leave() -> None:
        raise SystemExit

    service.app.add_url_rule("/v1/leave", view_func=leave)
    with pytest.raises(SystemExit):
        service.client().get("/v1/leave")
    found, labels = samples(service), (("method", "GET"), ("status", "500"))
    assert found["flask_http_request_total", labels] == 1
    assert found["flask_http_request_duration_seconds_count", (*labels, ("url_rule", "/v1/leave"))] == 1


def test_a_bug_is_found_by_the_route_whose_answers_are_500(service) -> None:
    def divide() -> str:
        return str(1 / 0)

    service.app.add_url_rule("/v1/divide", view_func=divide)
    assert service.client().get("/v1/divide").status_code == 500
    found = samples(service)
    count = "flask_http_request_duration_seconds_count"
    failed = {
        dict(labels)["url_rule"] for name, labels in found if (name, dict(labels).get("status")) == (count, "500")
    }
    assert failed == {"/v1/divide"}


def test_hostile_requests_add_no_values_to_labels(service) -> None:
    client = service.client()
    for n in range(20):
        client.open(f"/v1/optimize/{n}", method=f"EVIL{n}")
        client.get(f"/nowhere/{n}%0a%22}}")
        client.get(f"/v1/optimize/job-{n}")
        client.post("/v1/optimize", json={"prompt": "a", "target_model_id": f"acme/{n}"})
        client.get(f"/v1/optimize?status=evil{n}")
    labels = {(name, value) for _, pairs in samples(service) for name, value in pairs if name != "le"}
    assert {value for name, value in labels if name == "method"} == {"OTHER", *METHODS}
    rules = {rule.rule for rule in service.app.url_map.iter_rules()}
    assert {value for name, value in labels if name == "url_rule"} <= {*rules, "None"}
    assert {value for name, value in labels if name == "status"} <= {
        *JOB_ENDS, "200", "201", "404", "405", "422", "500"
    }  # fmt: skip
    assert not [value for _, value in labels if "acme" in value or "nowhere" in value]


def test_what_two_processes_measure_is_added_up(open_with) -> None:
    one, other = open_with(), open_with()
    for service in (one, one, other):
        service.client(token=None).get("/nowhere")
    flat(one)
    found = samples(other)
    assert found["flask_http_request_total", (("method", "GET"), ("status", "404"))] == 3
    assert samples(one)["flask_http_request_total", (("method", "GET"), ("status", "404"))] == 3


def test_buckets_of_histograms_rise_to_their_count(done) -> None:
    text = done.client(token=None).get("/v1/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name in ("gepa_store_write_seconds", "gepa_stream_delay_seconds"):
        found = families[name].samples
        buckets = [sample.value for sample in found if sample.name.endswith("_bucket")]
        (count,) = [sample.value for sample in found if sample.name.endswith("_count")]
        assert buckets == sorted(buckets)
        assert buckets[-1] == count > 0


def test_the_queue_is_shown(service) -> None:
    assert (flat(service)["jobs_queued"], flat(service)["jobs_oldest_queued_seconds"]) == (0, 0)
    service.create()
    assert flat(service)["jobs_queued"] == 1
    assert flat(service)["jobs_oldest_queued_seconds"] > 0


def test_what_a_dead_process_showed_counts_no_more_and_is_deleted(service) -> None:
    dead = Process(pid=2**22 + 1, pid_started_at=1, boot_id=boot_id())
    record_measured(service.database, dead, [], {"sse_clients": 7.0})
    assert flat(service)["sse_clients"] == 0
    assert dead not in {each.process for each in list_shown(service.database)}


def test_metrics_are_read_while_nothing_can_be_written(service) -> None:
    service.create()
    with held(service.settings.database_path):
        assert flat(service)["jobs_created"] == 1


def test_while_nothing_can_be_written_this_processs_gauges_are_right_and_say_so(service) -> None:
    measures = Measures("web")
    meter = meter_of(service.database, measures)
    meter.flush()
    found = collector_of(service.database, measures, meter, judge_model_id="judge", looked_s=lambda: 7.0)
    with held(service.settings.database_path):
        measures.clients.set(3)
        shown = found.flat()
        (family,) = [each for each in found.collect() if each.name == "sse_clients"]
    assert (shown["sse_clients"], family.samples[0].value) == (3, 3)
    assert shown["store_unwritable_seconds"] > 0
    assert shown["tailer_last_look_seconds"] == 7
    assert found.flat()["store_unwritable_seconds"] == 0


def test_a_refused_write_is_in_the_histogram_once_metrics_can_be_written(service) -> None:
    before = flat(service)["store_write_seconds_count_web"]
    with held(service.settings.database_path):
        assert service.client().post("/v1/optimize", json={"prompt": "a"}).status_code == 503
    assert flat(service)["store_write_seconds_count_web"] == before + 1


def test_retries_are_counted_by_role_and_fault(service) -> None:
    measures = Measures("runner")
    measures.note_retry("target", "rate_limited")
    meter_of(service.database, measures).flush()
    assert flat(service)["llm_retries_rate_limited_target"] == 1


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("gepa_jobs_total", {"status": "failed"}),
        ("gepa_rollouts_total", {}),
        ("gepa_llm_calls_total", {"role": "target", "outcome": "provider_auth"}),
        ("gepa_llm_calls_total", {"role": "judge", "outcome": "outcome_unknown"}),
        ("gepa_llm_tokens_total", {"role": "reflector", "direction": "output"}),
        ("gepa_llm_cost_usd_total", {"role": "target"}),
        ("gepa_llm_retries_total", {"role": "target", "fault": "server_error"}),
        ("gepa_waits_total", {"reason": "disk_full"}),
        ("flask_http_request_total", {"method": "POST", "status": "500"}),
    ],
)
def test_a_rate_has_something_to_begin_at_before_the_first_burst(service, name, labels) -> None:
    assert samples(service)[name, tuple(sorted(labels.items()))] == 0


def test_what_is_counted_takes_the_place_of_the_first_value(service) -> None:
    measures = Measures("runner")
    measures.note_retry("target", "server_error")
    meter_of(service.database, measures).flush()
    text = service.client(token=None).get("/v1/metrics").text
    found = [line for line in text.splitlines() if 'fault="server_error",role="target"' in line]
    assert found == ['gepa_llm_retries_total{fault="server_error",role="target"} 1.0']


def test_a_token_file_that_cannot_be_used_is_shown_at_once_until_it_can(open_with, tmp_path) -> None:
    write_private(tmp_path / "tokens", "ada read ada-0123456789-abcdef", over=True)
    service = open_with(api_tokens_file=str(tmp_path / "tokens"))
    found = [flat(service)["token_file_unusable"]]
    for text in ("ada raed ada-0123456789-abcdef", "ada read,write ada-0123456789-abcdef"):
        write_private(tmp_path / "tokens", text, over=True)
        found.append(samples(service)["gepa_token_file_unusable", ()])
    assert found == [0, 1, 0]


def test_a_flush_reads_each_instrument_once_and_writes_nothing_where_there_is_no_news(service) -> None:
    measures, reads = Measures("web"), []
    measures.clients.set_function(lambda: reads.append("read") or 0.0)
    meter = meter_of(service.database, measures)
    meter.flush()
    version = service.database.rows("PRAGMA data_version")[0][0]
    meter.flush()
    assert reads == ["read"] * 2
    assert service.database.rows("PRAGMA data_version")[0][0] == version


def test_what_is_measured_while_the_meter_tells_is_told_the_next_time() -> None:
    registry, told = CollectorRegistry(), []
    measured = Instrument("measured", "What is measured.", registry=registry)

    def tell(counters, _) -> None:
        told.extend(counter.value for counter in counters)
        if len(told) == 1:
            measured.inc()

    meter = Meter(registry, tell)
    for _ in range(3):
        meter.flush()
    assert told == [0, 1]
