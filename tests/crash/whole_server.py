"""The whole server, as people start it, killed with everything that it started."""

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import requests

from gepa_next.client import Client
from gepa_next.store.events import list_events
from tests.crash.courses import account, body
from tests.crash.harness import Outcome, outcome, wait_or_end
from tests.crash.models import TIMEOUT_S, Models
from tests.crash.stage import Stage, is_stopped, stage
from tests.e2e.processes import SERVE, Server, start, wait_for


def through_server_kills(folder: Path, models: Models, after_s: Sequence[float]) -> Outcome:
    """Return the outcome of a job on servers killed so long after they took it, before one is left in peace."""
    with stage(folder, models) as disturbed:
        disturbed.models.order(latency_s=0.02)
        for delay_s in after_s:
            epoch = disturbed.job().owner_epoch if disturbed.job_id != "job" else 0
            server = start(SERVE, folder, **disturbed.settings())
            try:
                disturbed.job_id = create(server)
                disturbed.wait_for(lambda epoch=epoch: disturbed.job().owner_epoch > epoch or disturbed.is_over())
                wait_or_end(disturbed, delay_s)
            finally:
                kill(server)
            disturbed.blows += 1
        return left_in_peace(disturbed)


def through_a_hang_before_the_start(folder: Path, models: Models) -> Outcome:
    """Return the outcome of a job whose owner stops inside a transaction, and of a server that is started then."""
    with stage(folder, models) as blocked:
        blocked.add_job()
        hung = blocked.start_worker(fault="end_call:40:before:stop")
        blocked.wait_for(lambda: is_stopped(hung))
        server = start(SERVE, folder, **blocked.settings())  # to be ready, it must be able to write
        try:
            assert hung.wait(TIMEOUT_S) == -signal.SIGKILL
            blocked.kill(hung)
            blocked.wait_until_ended()
            return outcome(blocked, account(blocked))
        finally:
            kill(server)


def left_in_peace(disturbed: Stage) -> Outcome:
    server = start(SERVE, disturbed.folder, **disturbed.settings())
    try:
        assert create(server) == disturbed.job_id
        with Client(server.url) as client:
            told = [(event.id, event.type) for event in client.events(disturbed.job_id)]
        log = list_events(disturbed.database, disturbed.job_id, after=0, limit=100_000)
        assert told == [(event.id, event.type) for event in log], "the stream tells another story"
        return outcome(disturbed, account(disturbed))
    finally:
        kill(server)


def create(server: Server) -> str:
    """Create the job, or find that it was created."""
    headers = {"Idempotency-Key": "the-same-each-time"}
    answer = requests.post(f"{server.url}/v1/optimize", json=body(), headers=headers, timeout=TIMEOUT_S)
    assert answer.ok, answer.text
    return str(answer.json()["job_id"])


def kill(server: Server) -> None:
    """Kill every process of the server, none of them the polite way."""
    wait_for(lambda: not kill_those_alive(server), timeout_s=TIMEOUT_S)
    server.stop()


def kill_those_alive(server: Server) -> int:
    alive = server.alive()
    for pid in alive:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(alive)
