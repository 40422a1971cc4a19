"""Ctrl-C ends a command whatever it waits for."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from tests.client.stand_in import answer, streaming
from tests.client.test_commands import GEPA_NEXT, TIMEOUT_S, surroundings

NONE_ARE_IN = "0 rows are in; import the file again, no row is doubled by that"
JOB = json.dumps({"job_id": "j", "status": "running", "iteration": 0, "iterations": 1})
# Another thread is told of the signal: what the main thread waits for is not interrupted, as when it comes just before.
ELSEWHERE = """
import signal, sys, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
"""
DEAF = """
import sys
from gepa_next.commands.interrupting import interruptible
with interruptible(7, within_s=0.2):
    while True:
        try:
            print("ready", flush=True)
            sys.stdin.read()
        except KeyboardInterrupt:
            pass
"""
PIPES = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)


def bytes_in(pipe: IO[bytes]) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def until(true: Callable[[], bool], process: subprocess.Popen) -> None:
    """Return when it is true of the process."""
    deadline = time.monotonic() + TIMEOUT_S
    while not true():
        assert time.monotonic() < deadline
        assert process.poll() is None
        os.sched_yield()


def waits_for_more(process: subprocess.Popen) -> bool:
    """Return whether it has read what there was, and sleeps."""
    state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return bytes_in(process.stdin) == 0 and state == "S"


def can_write_no_more(process: subprocess.Popen) -> bool:
    return bytes_in(process.stdout) > fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ) - 4096


def test_a_signal_that_interrupts_no_call_ends_an_import_that_waits_for_its_input(stand_in) -> None:
    command = f"{ELSEWHERE}\nfrom gepa_next.cli import main\nmain(['examples', 'import', '-'])"
    url = stand_in(answer(200, JOB)).url
    with subprocess.Popen([sys.executable, "-c", command], env=surroundings(url), **PIPES) as going:
        going.stdin.write(b'{"input": "a"}\n')
        going.stdin.flush()
        until(lambda: waits_for_more(going), going)
        going.send_signal(signal.SIGINT)
        code, said = going.wait(TIMEOUT_S), going.stderr.read().decode()
    assert code == 130
    assert said == f"gepa-next: {NONE_ARE_IN}\ngepa-next: interrupted\n"


@pytest.mark.parametrize("words", [("examples", "export"), ("watch", "j"), ("result", "j", "--format", "html")])
def test_a_command_ends_whose_output_nobody_reads(stand_in, words) -> None:
    answers = {
        "examples": [answer(200, "x" * 200_000, content_type="application/x-ndjson")],
        "watch": [answer(200, JOB), streaming(*range(1, 2000))],
        "result": [answer(200, JOB), answer(200, "x" * 200_000, content_type="text/html")],
    }
    url = stand_in(*answers[words[0]]).url
    with subprocess.Popen([*GEPA_NEXT, *words], env=surroundings(url), **PIPES) as going:
        until(lambda: can_write_no_more(going), going)
        going.send_signal(signal.SIGINT)
        code, said = going.wait(TIMEOUT_S), going.stderr.read().decode()
    assert code == 130
    assert "Traceback" not in said
    assert "interrupted" in said or "detached" in said


def test_what_goes_on_all_the_same_is_ended() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", DEAF], env=environment, **PIPES) as going:
        assert going.stdout.readline() == b"ready\n"
        going.send_signal(signal.SIGINT)
        assert going.wait(TIMEOUT_S) == 7
