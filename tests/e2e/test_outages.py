"""A provider that goes away: the job says that it waits, and goes on or ends as it should."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from gepa_next.app import RUNNER_EXTENSION
from gepa_next.llm.turnstile import PATIENCE_S
from gepa_next.models import StoredEvent
from gepa_next.store.events import list_events
from gepa_next.store.evidence import iterate_candidates
from gepa_next.store.ledger import iterate_calls
from tests.runner.running import wait_for
from tests.support.service import EXAMPLES, Service, open_service

TIMEOUT_S = 30.0
JOB: dict[str, Any] = {"examples": EXAMPLES, "iterations": 3, "population": 2, "minibatch": 2}


class ModelServer:
    """The models of the crash tests, which can be taken away and come back where they were."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.crash.model_server", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def be_slow(self) -> None:
        """Take a while for each answer, so that a job can be caught in the middle."""
        requests.post(self.url, json={"latency_s": 0.05}, timeout=TIMEOUT_S)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(TIMEOUT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/outages"

    @property
    def settings(self) -> dict[str, object]:
        models = {"target_model_default": "crash/target", "judge_model_id": "crash/judge"}
        return {
            "llm_base_url": f"{self.url}/v1",
            "reflection_model_id": "crash/reflector",
            "max_concurrent_calls": 4,
            "runner": "thread",
            **models,
        }


@pytest.fixture
def models() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.kill()


@pytest.fixture
def opened(tmp_path: Path, models: ModelServer) -> Iterator[Callable[..., Service]]:
    services: list[Service] = []

    def opening(name: str = "service", **changes: object) -> Service:
        services.append(open_service(tmp_path / name, **{**models.settings, **changes}))
        return services[-1]

    yield opening
    for service in services:
        service.close()


def events(service: Service, job_id: str) -> list[StoredEvent]:
    return list_events(service.database, job_id, after=0, limit=10_000)


def stages(service: Service, job_id: str) -> list[str]:
    return [json.loads(event.data).get("stage", event.type) for event in events(service, job_id)]


def wait_for_stage(service: Service, job_id: str, stage: str) -> None:
    wait_for(service.database, lambda: stage in stages(service, job_id))


def state(service: Service, job_id: str) -> dict[str, Any]:
    return service.client().get(f"/v1/optimize/{job_id}").json


def test_a_job_waits_for_a_provider_that_is_away_and_ends_where_it_would_have_ended(
    opened: Callable[..., Service], models: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    quiet = opened("quiet")
    undisturbed = quiet.create(**JOB)
    quiet.wait_for_end(undisturbed)
    models.be_slow()
    service = opened("disturbed")
    job_id = service.create(**JOB)
    wait_for_stage(service, job_id, "seed")
    models.kill()
    wait_for_stage(service, job_id, "waiting")
    models.start()
    service.wait_for_end(job_id)
    assert state(service, job_id)["status"] == "finished"
    assert [*iterate_candidates(service.database, job_id)] == [*iterate_candidates(quiet.database, undisturbed)]
    assert state(service, job_id)["result"]["prompt"] == state(quiet, undisturbed)["result"]["prompt"]
    (waited,) = [event for event in events(service, job_id) if '"waiting"' in event.data]
    data = json.loads(waited.data)
    assert 0 < data.pop("until") - waited.ts <= PATIENCE_S
    roles = ["target", "judge", "reflector"]
    endpoint = f"127.0.0.1:{models.port}"
    assert data == {
        "stage": "waiting",
        "reason": "provider_down",
        "roles": roles,
        "endpoint": endpoint,
        "error": "Connection refused",
    }
    warned = [each.getMessage() for each in caplog.records if "provider_down" in each.getMessage()]
    assert len(warned) == 1
    assert f"target, judge, reflector at {endpoint} (Connection refused)" in warned[0]
    assert service.client().get("/v1/metricsz").json["waits_provider_down"] == 1


def test_a_provider_that_stays_away_fails_the_job_which_shows_its_best_and_can_be_resumed(
    opened: Callable[..., Service], models: ModelServer
) -> None:
    models.be_slow()
    service = opened(provider_patience_s=0.5)
    job_id = service.create(**JOB)
    wait_for_stage(service, job_id, "seed")
    models.kill()
    service.wait_for_end(job_id)
    found = state(service, job_id)
    assert (found["status"], found["error"]["code"]) == ("failed", "provider_down")
    assert found["best_score"] is not None
    models.start()
    assert service.client().post(f"/v1/optimize/{job_id}/resume", json={}).status_code == 202
    service.wait_for_end(job_id)
    assert state(service, job_id)["status"] == "finished"


def test_a_job_that_waits_is_let_go_soon_after_it_was_cancelled_and_counts_no_request(
    opened: Callable[..., Service], models: ModelServer
) -> None:
    models.kill()
    service = opened()
    job_id = service.create(**JOB)
    wait_for_stage(service, job_id, "waiting")
    service.client().delete(f"/v1/optimize/{job_id}")
    wait_for(service.database, lambda: not calls_under_way(service, job_id))
    assert state(service, job_id)["usage"]["calls"] == 0
    models.start()


def calls_under_way(service: Service, job_id: str) -> list[str]:
    return [call.key for call in iterate_calls(service.database, job_id) if call.status == "started"]


def drain(service: Service) -> None:
    """Wait until no call is under way."""
    service.app.extensions[RUNNER_EXTENSION].drain(TIMEOUT_S)


def test_a_job_put_back_while_it_waits_counts_no_call_of_unknown_outcome(
    opened: Callable[..., Service], models: ModelServer
) -> None:
    models.kill()
    service = opened()
    job_id = service.create(**JOB)
    wait_for_stage(service, job_id, "waiting")
    drain(service)
    models.start()
    service.run(job_id)
    (resumed,) = [json.loads(event.data) for event in events(service, job_id) if event.type == "resumed"]
    assert resumed["calls_of_unknown_outcome"] == 0
    assert state(service, job_id)["status"] == "finished"
