"""The runner is kept alive: started again when it dies, killed when it hangs, and never left behind."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gepa_next import processes
from gepa_next.processes import RunnerKeeper

TIMEOUT_S = 20
BEGIN = """
import os, signal, sys, threading
from gepa_next.processes import die_with_parent, tell_parent
die_with_parent()
starts = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
first = os.fstat(starts).st_size == 0
os.write(starts, b"x")
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STARTS_S": 3.0, "HANGS_S": 3.0, "CONFIRM_S": 0.2, "SHORTEST_WAIT_S": 0.05}.items():
        monkeypatch.setattr(processes, name, value)


def started_twice(folder: Path, then: str) -> int:
    """Keep a process that does something the first time; return how often it was started when it was again."""
    starts = folder / "starts"
    keeper = RunnerKeeper([sys.executable, "-c", BEGIN + then, str(starts)])
    keeper.start()
    deadline = time.monotonic() + TIMEOUT_S
    while (not starts.exists() or starts.stat().st_size < 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    keeper.stop(TIMEOUT_S)
    assert keeper._child is not None
    assert keeper._child.poll() is not None
    return starts.stat().st_size


@pytest.mark.parametrize(
    "first", ["os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)", "os.kill(os.getpid(), signal.SIGSTOP)"]
)
def test_a_runner_that_dies_or_hangs_is_started_again(tmp_path: Path, first: str) -> None:
    live = "while not threading.Event().wait(0.2): tell_parent()"
    assert started_twice(tmp_path, f"if first: {first}\n{live}") == 2


def test_a_runner_that_could_not_be_started_is_started_when_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command, started = tmp_path / "command", tmp_path / "started"
    keeper = RunnerKeeper([str(command)])
    keeper.start()
    wait_for(lambda: "cannot be started" in caplog.text)
    command.write_text(f"#!/bin/sh\ntouch {started}\n", encoding="ascii")
    command.chmod(0o700)
    wait_for(started.exists)
    keeper.stop(TIMEOUT_S)


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


RUNNER = """
import pathlib, threading
from gepa_next.runner import runner
from gepa_next.store.database import Database
def end(runner): pass
def stall(runner): threading.Event().wait()
if first: {first}
runner.Runner(Database(pathlib.Path(sys.argv[1]).with_name("jobs.sqlite3")), lambda *_: None,
              concurrent_jobs=1, concurrent_calls=1).start()
threading.Event().wait()
"""


@pytest.mark.parametrize(
    "first",
    [
        "runner.Runner._look_after_jobs = end",
        "runner.LONGEST_TURN_S = 0; runner.Runner._look_after_jobs = stall",
    ],
)
def test_a_runner_whose_loop_ends_or_stalls_is_started_again(tmp_path: Path, first: str) -> None:
    assert started_twice(tmp_path, RUNNER.format(first=first)) == 2
