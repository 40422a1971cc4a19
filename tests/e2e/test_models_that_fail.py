"""A provider that refuses and a judge that babbles: the job says so, and never scores what was not scored."""

import json
from contextlib import closing

import pytest

from gepa_next.gepa.outages import REFLECTIONS_IN_VAIN
from tests.e2e.provider import LIVES
from tests.support.service import EXAMPLES, Service, open_service

MOODY = [{**example, "input": f"moody {example['input']}"} for example in EXAMPLES[:3]]


@pytest.fixture
def open_real(tmp_path, provider):
    """Open a service on the provider's models."""
    opened = []

    def with_models(*, judge: str = "acme/judge", reflector: str = "acme/reflector") -> Service:
        url = provider.variables["LLM_BASE_URL"]
        models = {"judge_model_id": judge, "target_model_default": "acme/target", "reflection_model_id": reflector}
        opened.append(open_service(tmp_path, llm_base_url=url, **models))
        return opened[-1]

    yield with_models
    for each in opened:
        with closing(each):
            pass


def state(service, job_id):
    return service.client().get(f"/v1/optimize/{job_id}").json


def test_a_job_on_real_models_ends(open_real) -> None:
    service = open_real()
    found = state(service, service.finished_job())
    assert (found["status"], found["simulated"], found["judge"]["model_id"]) == ("finished", False, "acme/judge")
    assert found["usage"]["cost_usd"] is None
    assert found["usage"]["by_role"]["judge"]["calls"] > 0


def test_a_job_without_examples_drafts_its_own(open_real) -> None:
    service = open_real()
    job_id = service.finished_job(examples=[])
    rollouts = service.client().get(f"/v1/optimize/{job_id}/artifacts/rollouts.jsonl").text
    assert "synthetic-1" in rollouts
    assert state(service, job_id)["status"] == "finished"


def test_a_model_the_provider_does_not_have_fails_the_job(open_real) -> None:
    service = open_real()
    found = state(service, service.finished_job(target_model_id="acme/nobody"))
    assert (found["status"], found["stop_reason"]) == ("failed", "error")
    assert found["error"]["code"] == "provider_config"
    assert "acme/nobody" in found["error"]["message"]
    assert found["result"] is None


def test_the_last_event_of_a_failed_job_says_why(open_real) -> None:
    service = open_real()
    job_id = service.finished_job(target_model_id="acme/nobody")
    last = service.client().get(f"/v1/optimize/{job_id}/events").text.strip().split("\n\n")[-1]
    assert "event: failed" in last
    assert '"code":"provider_config"' in last
    assert service.client().get("/v1/metricsz").json["jobs_failed"] == 1


def test_a_judge_that_always_babbles_fails_the_job(open_real) -> None:
    service = open_real(judge="acme/babbling-judge")
    found = state(service, service.finished_job())
    assert (found["status"], found["error"]["code"]) == ("failed", "judge_malformed_reply")
    assert found["seed_score"] is None
    assert "could be scored" in found["error"]["message"]


def test_a_judge_that_babbles_at_times_leaves_those_rollouts_unscored(open_real) -> None:
    service = open_real(judge="acme/moody-judge")
    job_id = service.finished_job(examples=[*EXAMPLES[3:], *MOODY], iterations=2, split={"train": 3, "val": 3})
    assert state(service, job_id)["status"] == "finished"
    text = service.client().get(f"/v1/optimize/{job_id}/artifacts/rollouts.jsonl").text
    rollouts = [json.loads(line) for line in text.splitlines()]
    unscored = [each for each in rollouts if each["score"] is None]
    assert unscored
    assert {each["error"] for each in unscored} == {"judge_malformed_reply"}
    assert all(each["output"].startswith("You said") for each in unscored)
    assert len(unscored) < len(rollouts)


def resumed(service, job_id):
    answer = service.client().post(f"/v1/optimize/{job_id}/resume")
    assert answer.status_code == 202, answer.text
    service.run(job_id)
    return state(service, job_id)


def test_a_dead_reflector_ends_the_job_after_a_few_calls_and_leaves_the_best_so_far(open_real) -> None:
    service = open_real(reflector="acme/mortal-reflector")
    job_id = service.finished_job(iterations=50, population=2)
    found = state(service, job_id)
    assert (found["status"], found["error"]["code"]) == ("failed", "reflector_failed")
    assert "acme/mortal-reflector: empty" in found["error"]["message"]
    assert "resume the job" in found["error"]["message"]
    assert found["usage"]["by_role"]["reflector"]["calls"] <= LIVES + REFLECTIONS_IN_VAIN + 2  # two at a time
    check_the_best_so_far(service, found)


def check_the_best_so_far(service, found) -> None:
    """Check that best prompt, candidates and artifacts of a job are there."""
    client = service.client()
    candidates = client.get(found["links"]["candidates"]).json["items"]
    assert found["best_prompt"] in [each["text"] for each in candidates if each["accepted"]]
    assert found["best_score"] >= found["seed_score"] > 0
    artifacts = client.get(found["links"]["artifacts"]).json["items"]
    texts = {each["name"]: client.get(each["url"]).text for each in artifacts}
    assert texts["prompt.txt"] == found["best_prompt"]
    assert len(texts["candidates.jsonl"].splitlines()) == len(candidates)
    assert found["error"]["code"] in client.get(found["links"]["events"]).text


def test_a_job_with_a_dead_reflector_is_resumed_to_its_end_when_the_reflector_is_mended(open_real, provider) -> None:
    service = open_real(reflector="acme/mortal-reflector")
    job_id = service.finished_job(iterations=8, population=2)
    assert state(service, job_id)["status"] == "failed"
    provider.mend()
    found = resumed(service, job_id)
    assert (found["status"], found["stop_reason"], found["iteration"]) == ("finished", "iterations", 8)
    assert found["error"] is None
    assert found["result"]["prompt"]


def test_a_key_that_expires_ends_the_job_at_once_and_the_job_goes_on_with_a_new_one(open_real, provider) -> None:
    service = open_real()
    job_id = service.finished_job(iterations=3, population=2, target_model_id="acme/mortal-target")
    found = state(service, job_id)
    assert (found["status"], found["error"]["code"]) == ("failed", "provider_auth")
    assert "Put the API key right, then resume the job" in found["error"]["message"]
    assert LIVES < found["usage"]["by_role"]["target"]["calls"] <= LIVES + service.settings.max_concurrent_calls
    check_the_best_so_far(service, found)
    provider.mend()
    assert resumed(service, job_id)["status"] == "finished"
