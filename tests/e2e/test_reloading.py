"""SIGHUP starts the web process afresh; the runner and its jobs know nothing of it."""

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException

import pytest
import requests

from gepa_next.tokens.private_file import write_private
from tests.e2e.processes import BY_FILE, GUNICORN, SERVE, TIMEOUT_S, Server, wait_for

ASKERS = 2
ADA = "ada-0123456789-abcdef"
WAYS = pytest.mark.parametrize("command", [SERVE, GUNICORN, BY_FILE], ids=["serve", "gunicorn", "by-file"])


@pytest.fixture
def reloaded_job(serve, provider, command) -> tuple[Server, str]:
    """A server that was reloaded while the calls of a job waited for an answer."""
    server = serve(command, **provider.variables, DRAIN_TIMEOUT_S="20")
    job_id = server.create()
    provider.wait_for_calls()
    reload(server)
    return server, job_id


def reload(server: Server) -> None:
    before = server.web_pids()
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: server.web_pids() and not server.web_pids() & before)
    wait_for(server.is_ready)


@contextmanager
def asked_all_the_while(server: Server) -> Iterator[list[str]]:
    """Ask over new connections, the next one made before each request, until the block ends; yield what went wrong."""
    ended, failed = threading.Event(), []

    def connect() -> HTTPConnection:
        connection = HTTPConnection(server.url.removeprefix("http://"), timeout=TIMEOUT_S)
        connection.connect()
        return connection

    def ask() -> None:
        following = connect()
        while not ended.is_set():
            with closing(following) as connection:
                following = connect()
                try:
                    connection.request("GET", "/v1/healthz")
                    assert connection.getresponse().status == 200
                except (OSError, HTTPException) as error:
                    failed.append(str(error))
        following.close()

    askers = [threading.Thread(target=ask) for _ in range(ASKERS)]
    for each in askers:
        each.start()
    try:
        yield failed
    finally:
        ended.set()
        for each in askers:
            each.join(TIMEOUT_S)


def draining(server: Server) -> bool:
    with closing(sqlite3.connect(server.database)) as database:
        return database.execute("SELECT 1 FROM runners WHERE draining").fetchone() is not None


@WAYS
def test_a_job_goes_on_while_the_web_process_is_replaced(serve, provider, command) -> None:
    server = serve(command, **provider.variables)
    job_id = server.create()
    provider.wait_for_calls()
    runner = server.runner_pid()
    reload(server)
    assert (server.runner_pid(), server.state(job_id)["status"]) == (runner, "running")
    provider.open_gate()
    kinds = [frame.type for frame in server.events(job_id)]
    assert (kinds[0], kinds[-1], "resumed" in kinds) == ("started", "finished", False)


@WAYS
def test_a_runner_killed_after_a_reload_is_started_again(reloaded_job, provider) -> None:
    server, job_id = reloaded_job
    killed = server.runner_pid()
    os.kill(killed, signal.SIGKILL)
    provider.open_gate()
    assert server.events(job_id)[-1].type == "finished"
    assert server.runner_pid() not in {None, killed}


@WAYS
def test_a_server_told_to_stop_after_a_reload_waits_for_the_calls_in_flight(
    reloaded_job, serve, provider, command
) -> None:
    server, job_id = reloaded_job
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: draining(server) or server.runner_pid() is None)
    provider.open_gate()
    wait_for(lambda: not server.alive())
    again = serve(command, **provider.variables)
    (resumed,) = [frame for frame in again.events(job_id) if frame.type == "resumed"]
    assert resumed.envelope["data"]["calls_of_unknown_outcome"] == 0


def test_a_slip_in_the_file_of_tokens_does_not_end_the_service_at_a_reload(serve, tmp_path) -> None:
    tokens = tmp_path / "tokens"
    write_private(tokens, f"ada read {ADA}", over=True)
    server = serve(RUNNER="none", API_TOKENS_FILE=str(tokens))
    write_private(tokens, "ada", over=True)
    reload(server)
    answer = requests.get(f"{server.url}/v1/optimize", headers={"Authorization": f"Bearer {ADA}"}, timeout=30)
    assert answer.status_code == 200
    assert "line 1" in server.get("/v1/readyz").json()["checks"]["tokens"]


def test_settings_are_read_at_start_and_not_at_a_reload_which_hangs_up_on_nobody(serve, tmp_path) -> None:
    (tmp_path / ".env").write_text("MAX_ITERATIONS=7\n")
    server = serve(RUNNER="none", RATE_LIMIT_PER_MIN="0")
    (tmp_path / ".env").write_text("MAX_ITERATIONS=none\n")
    with asked_all_the_while(server) as failed:
        reload(server)
    assert failed == []
    assert server.get("/v1/version").json()["settings"]["MAX_ITERATIONS"] == 7
