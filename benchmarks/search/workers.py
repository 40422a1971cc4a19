"""Processes that carry out trials, each kind of system in the environment it needs, one answer for one question."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from benchmarks.search.sources import optimiser_of

Trial = Mapping[str, Any]


class Worker:
    """A process that runs `benchmarks.search.<module>`; it reads trials and writes results, line by line."""

    def __init__(self, python: Path, module: str) -> None:
        command = ["nice", "-n", "10", str(python), "-m", f"benchmarks.search.{module}"]
        env = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, bufsize=1
        )

    def carry_out(self, trial: Trial) -> dict[str, Any]:
        """Return the result of one trial."""
        line = self._answered(f"{json.dumps(trial)}\n")
        if not line.endswith("\n"):
            raise RuntimeError(f"the process for {trial} ended with {self._process.wait()}")
        return dict(json.loads(line))

    def _answered(self, question: str) -> str:
        """Return the answer, cut off or empty if the process has ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - both are pipes
        assert stdout is not None  # noqa: S101 - as above
        with suppress(BrokenPipeError):
            stdin.write(question)
        return stdout.readline()

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()


def carry_out(
    trials: Sequence[Trial],
    *,
    module: str,
    reference: Path,
    processes: int,
    record: Callable[[dict[str, Any]], None],
) -> None:
    """Record the result of each trial as it comes, so many at a time."""
    queue: SimpleQueue[Trial] = SimpleQueue()
    for trial in trials:
        queue.put(trial)
    with ThreadPoolExecutor(processes) as pool:
        for lane in [pool.submit(_lane, queue, module, reference, record) for _ in range(processes)]:
            lane.result()


def _lane(queue: SimpleQueue[Trial], module: str, reference: Path, record: Callable[[dict[str, Any]], None]) -> None:
    workers: dict[Path, Worker] = {}
    try:
        while True:
            trial = queue.get_nowait()
            python = reference if optimiser_of(trial["system"]) == "reference" else Path(sys.executable)
            if python not in workers:
                workers[python] = Worker(python, module)
            record(workers[python].carry_out(trial))
    except Empty:
        return
    finally:
        for worker in workers.values():
            worker.close()
