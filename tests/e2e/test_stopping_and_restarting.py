"""A server that is told to stop, or killed, loses nothing."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import pytest
import requests

from gepa_next.app import CLOSE_S, LAST_REQUESTS_S, LOOK_S, NOTICE_S
from gepa_next.processes import CONFIRM_S, HANGS_S, PULSE_S
from gepa_next.runner import watch
from gepa_next.runner.runner import BEAT_S
from gepa_next.store.leases import LEASE_S
from tests.e2e.processes import AUTHORIZED, TIMEOUT_S, Server, environment, wait_for
from tests.support.service import SMALL_JOB
from tests.support.sse import read_frames

WEB_GONE_WITHIN_S = 3.0
ALL_GONE_WITHIN_S = 8.0  # with a second's drain, and slow machines
TAKEN_OVER_WITHIN_S = 5.0  # it takes less than one, on a machine that has nothing else to do


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
    server.process.wait(ALL_GONE_WITHIN_S)
    wait_for(lambda: not server.alive(), timeout_s=ALL_GONE_WITHIN_S)
    assert time.monotonic() - told_at < ALL_GONE_WITHIN_S


def test_what_the_web_process_waits_for_at_its_end_fits_into_its_promise() -> None:
    assert LOOK_S + NOTICE_S + LAST_REQUESTS_S + CLOSE_S < WEB_GONE_WITHIN_S - 0.4  # for what takes no constant time


@contextmanager
def polled(server: Server) -> Iterator[None]:
    """Ask for readiness all the time, as a few load balancers do."""
    over = threading.Event()

    def poll() -> None:
        while not over.wait(0.05):
            with suppress(requests.RequestException):
                server.get("/v1/readyz")

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(poll)
        try:
            yield
        finally:
            over.set()


def time_to_go(server: Server) -> float:
    """Stop a server to whose database nobody can write; return how long its web process took."""
    web = server.web_pids()
    with closing(sqlite3.connect(server.database, isolation_level=None)) as shell, polled(server):
        shell.execute("BEGIN IMMEDIATE")
        wait_for(lambda: not server.is_ready())
        told_at = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not web & server.web_pids())
    return time.monotonic() - told_at


def test_the_web_process_goes_in_time_while_nobody_can_write(serve) -> None:
    """In one of three tries: what the machine does besides is not ours to promise."""
    assert any(time_to_go(serve(RUNNER="none")) < WEB_GONE_WITHIN_S for _ in range(3))


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


def test_a_job_of_a_runner_that_died_is_taken_over_in_seconds(job_in_flight, provider, tmp_path) -> None:
    server, job_id = job_in_flight
    owner = server.runner_pid()
    frames = read_frames(server.stream(job_id))
    worker = [sys.executable, "-m", "gepa_next", "worker"]
    with subprocess.Popen(worker, env=environment(tmp_path, **provider.variables)) as waiting:
        wait_for(lambda: len(list(tmp_path.glob("*.runner-*"))) == 2)
        os.kill(owner, signal.SIGKILL)
        died_at = time.monotonic()
        next(frame for frame in frames if frame.is_event and frame.type == "resumed")
        taken_after_s = time.monotonic() - died_at
        waiting.kill()
    assert taken_after_s < TAKEN_OVER_WITHIN_S


def test_hung_runners_are_known_when_the_documentation_says() -> None:
    """And never sooner than a job may be taken from a runner that was alive."""
    assert (pytest.approx(7), 10) == (watch.MOST_LOOKS * watch.LOOK_S, HANGS_S + CONFIRM_S)
    assert min(watch.MOST_LOOKS * watch.LOOK_S, HANGS_S) > LEASE_S
    assert max(PULSE_S, BEAT_S) <= LEASE_S / 4  # nobody is late by accident


def test_a_cancelled_job_is_let_go_while_its_calls_wait(job_in_flight) -> None:
    server, job_id = job_in_flight
    answer = requests.delete(f"{server.url}/v1/optimize/{job_id}", headers=AUTHORIZED, timeout=TIMEOUT_S)
    assert answer.json()["status"] == "cancelled"
    assert server.events(job_id)[-1].type == "cancelled"


def test_a_killed_server_leaves_nobody_behind(job_in_flight) -> None:
    server, _ = job_in_flight
    server.process.kill()
    server.process.wait(TIMEOUT_S)
    wait_for(lambda: not server.alive(), timeout_s=ALL_GONE_WITHIN_S)
