"""A fork through the real server: killed in the middle it goes on, and its evidence is checked without the old job."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gepa_next.client import Client
from tests.e2e.processes import TIMEOUT_S, environment
from tests.support.service import TOKEN

EXAMPLES = [{"id": f"e{n}", "input": f"{n} + {n}", "ideal": str(2 * n)} for n in range(1, 19)]
FILES = ("receipt.json", "events.jsonl", "calls.jsonl", "rollouts.jsonl")


def command(folder: Path, *arguments: str) -> str:
    """Return what a command says once it has ended well."""
    done = subprocess.run(
        [sys.executable, "-m", "gepa_next", *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("begins", ["candidate_id", "event_id"])
def test_a_fork_that_is_killed_goes_on_replays_and_verifies_without_the_job_it_is_from(
    serve, provider, tmp_path, begins
) -> None:
    provider.open_gate()
    server = serve(**provider.variables)
    with Client(server.url, TOKEN) as client:
        origin = client.wait(client.optimize("Add.", examples=EXAMPLES, iterations=1, population=2).job_id)
        assert origin.status == "finished", origin.error
        provider.shut_gate()
        first = {"candidate_id": 0, "event_id": len(server.events(origin.job_id))}[begins]
        assert client.quote_fork(origin.job_id, **{begins: first}).expected.rollouts > 0
        job = client.fork(origin.job_id, iterations=1, population=2, **{begins: first})
        provider.wait_for_calls()
        os.kill(server.runner_pid(), signal.SIGKILL)
        provider.open_gate()
        state = client.wait(job.job_id)
        assert (state.status, state.forked_from.job_id) == ("finished", origin.job_id), state.error
        assert "resumed" in [frame.type for frame in server.events(job.job_id)]
        assert state.forked_from.shared_rollouts > 0
        for name in FILES:
            (tmp_path / name).write_text(client.artifact(job.job_id, name), encoding="utf-8", newline="")
    files = [f"--{name.partition('.')[0]}={tmp_path / name}" for name in FILES[1:]]
    assert "agrees: the held-out test" in command(tmp_path, "verify", str(tmp_path / FILES[0]), *files)
    assert "agrees: the verdict" in command(tmp_path, "replay", job.job_id)
