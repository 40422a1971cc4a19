"""A server that is told to stop, or killed, loses nothing."""

import os
import signal
import time

import pytest
import requests

from tests.e2e.processes import AUTHORIZED, TIMEOUT_S, wait_for
from tests.support.service import SMALL_JOB
from tests.support.sse import read_frames

GONE_WITHIN_S = 8.0  # a second's notice, a second's drain, and slow machines


def check_events(found) -> None:
    """Check that ids are gap-free, nothing is told twice, and the job ended once."""
    assert [frame.id for frame in found] == list(range(1, len(found) + 1))
    assert [frame.type for frame in found].count("finished") == 1
    assert found[-1].type == "finished"
    told = [(each["stage"], each.get("candidate_id"), each["iteration"], each.get("purpose"))
            for frame in found if frame.type == "progress" for each in [frame.envelope["data"]]]  # fmt: skip
    assert len(set(told)) == len(told)


@pytest.fixture
def job_in_flight(serve, provider):
    """A server with a job whose calls wait for an answer."""
    server = serve(**provider.variables)
    job_id = server.create()
    provider.wait_for_calls()
    return server, job_id


def test_a_server_told_to_stop_says_so_ends_its_streams_and_goes(job_in_flight) -> None:
    server, job_id = job_in_flight
    frames = read_frames(server.stream(job_id))
    assert next(frame for frame in frames if frame.is_event).type == "started"
    told_at = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    checks = wait_for(lambda: not server.is_ready() and server.get("/v1/readyz").json()["checks"], timeout_s=1.0)
    refused = requests.post(f"{server.url}/v1/optimize", json=SMALL_JOB, headers=AUTHORIZED, timeout=TIMEOUT_S)
    assert checks["draining"] == "shutting_down"
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "shutting_down")
    assert not [frame for frame in frames if frame.is_event and frame.type in {"finished", "failed", "cancelled"}]
    server.process.wait(GONE_WITHIN_S)
    wait_for(lambda: not server.alive(), timeout_s=GONE_WITHIN_S)
    assert time.monotonic() - told_at < GONE_WITHIN_S


def test_a_job_in_flight_goes_on_after_a_restart(job_in_flight, serve, provider) -> None:
    server, job_id = job_in_flight
    server.stop()
    provider.open_gate()
    again = serve(**provider.variables)
    found = again.events(job_id)
    check_events(found)
    assert "resumed" in [frame.type for frame in found]
    assert again.state(job_id)["status"] == "finished"


def test_a_killed_runner_is_started_again_and_the_job_goes_on(job_in_flight, provider) -> None:
    server, job_id = job_in_flight
    killed = server.runner_pid()
    os.kill(killed, signal.SIGKILL)
    provider.open_gate()
    check_events(server.events(job_id))
    assert server.runner_pid() not in {None, killed}
    assert server.state(job_id)["status"] == "finished"


def test_a_cancelled_job_is_let_go_while_its_calls_wait(job_in_flight) -> None:
    server, job_id = job_in_flight
    answer = requests.delete(f"{server.url}/v1/optimize/{job_id}", headers=AUTHORIZED, timeout=TIMEOUT_S)
    assert answer.json()["status"] == "cancelled"
    assert server.events(job_id)[-1].type == "cancelled"


def test_a_killed_server_leaves_nobody_behind(job_in_flight) -> None:
    server, _ = job_in_flight
    server.process.kill()
    server.process.wait(TIMEOUT_S)
    wait_for(lambda: not server.alive(), timeout_s=GONE_WITHIN_S)
