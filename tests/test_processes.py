"""The runner is kept alive: started again when it dies, killed when it hangs, and never left behind."""

import sys
import time
from pathlib import Path

import pytest

from gepa_next import processes
from gepa_next.processes import RunnerKeeper

TIMEOUT_S = 20
BEGIN = """
import os, signal, sys
from gepa_next.processes import die_with_parent, start_pulse
die_with_parent(); start_pulse()
starts = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
first = os.fstat(starts).st_size == 0
os.write(starts, b"x")
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HANGS_S": 3.0, "CONFIRM_S": 0.2, "SHORTEST_WAIT_S": 0.05}.items():
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
    assert started_twice(tmp_path, f"if first: {first}\nsignal.pause()") == 2
