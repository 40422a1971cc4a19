"""Somebody else writes to the database for long, past the gate: only those who must write wait for it."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
import requests

from tests.e2e.processes import AUTHORIZED, TIMEOUT_S, Server
from tests.support.service import SMALL_JOB
from tests.support.sse import read_frames

A_WHILE = 3  # heartbeats, one in 0.2 s


@pytest.fixture
def idle(serve) -> Server:
    """A server that runs no jobs: nobody writes but the requests."""
    return serve(RUNNER="none")


@contextmanager
def locked(server: Server) -> Iterator[sqlite3.Connection]:
    """Hold SQLite's write lock as an operator's shell does."""
    with closing(sqlite3.connect(server.database, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        yield shell


def post(server: Server) -> requests.Response:
    return requests.post(f"{server.url}/v1/optimize", json=SMALL_JOB, headers=AUTHORIZED, timeout=TIMEOUT_S)


def test_a_write_is_refused_after_a_while_and_everything_else_goes_on_meanwhile(idle) -> None:
    frames = read_frames(idle.stream(idle.create()))
    heartbeats = answers = 0
    with locked(idle), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, idle)
        while not waiting.done():
            heartbeats += next(frames).is_heartbeat
            answers += idle.get("/v1/optimize").status_code == 200 and not waiting.done()
    refused = waiting.result()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_busy")
    assert min(heartbeats, answers) >= A_WHILE


def test_a_write_that_waited_is_carried_out_when_the_lock_is_free(idle) -> None:
    frames = read_frames(idle.stream(idle.create()))
    with locked(idle) as shell, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, idle)
        for _ in range(A_WHILE):
            next(frame for frame in frames if frame.is_heartbeat)
        assert not waiting.done()
        shell.execute("COMMIT")
        created = waiting.result(TIMEOUT_S)
    assert created.status_code == 201
    assert idle.state(created.json()["job_id"])["status"] == "queued"
