"""A stage: one database file, the processes started on it, and a room of the model server."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from gepa_next.api.edge.identity import NOBODY
from gepa_next.metrics import scoring_fingerprint
from gepa_next.models import Job, Judge
from gepa_next.store.database import Database
from gepa_next.store.jobs import find_job, get_job
from gepa_next.store.ledger import iterate_calls
from gepa_next.store.new_jobs import NewJob, insert_job
from tests.crash.models import TIMEOUT_S, Models
from tests.store.jobs_on_file import EXAMPLES, job_spec

CONCURRENCY = 8
SEED = 10  # of the job: with it a single reflection is asked for in the second iteration
LOOK_S = 0.05

Process = subprocess.Popen[bytes]


@dataclass
class Stage:
    """Whatever happens to one job, or a few; close it. `blows` counts the runners that were killed or frozen."""

    folder: Path
    models: Models
    variables: dict[str, str] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    job_id: str = "job"
    blows: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = Database(self.folder / "crash.sqlite3", gate_timeout_s=TIMEOUT_S)
        # Bound here and handed on: the port outlives the server, and a request waits for the next one to start.
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def add_job(self, job_id: str = "job", **changes: object) -> None:
        spec = job_spec(**{"target_model_id": "crash/target", "seed": SEED, **changes})
        new = NewJob(
            id=job_id,
            token_id=NOBODY,
            spec=spec,
            examples=EXAMPLES,
            judge=Judge(model_id="crash/judge", fingerprint=scoring_fingerprint(spec, "crash/judge")),
            simulated=False,
            created_at=time.time(),
            body_sha256=secrets.token_hex(4),
        )
        insert_job(self.database, new)

    def settings(self) -> dict[str, str]:
        return {
            "DATABASE_PATH": str(self.database.path),
            "REQUIRE_AUTH": "false",
            "LLM_BASE_URL": f"{self.models.url}/v1",
            "TARGET_MODEL_DEFAULT": "crash/target",
            "JUDGE_MODEL_ID": "crash/judge",
            "REFLECTION_MODEL_ID": "crash/reflector",
            "MAX_CONCURRENT_CALLS": str(CONCURRENCY),
            "LOG_LEVEL": "ERROR",
            "JUDGE_CHECK_INTERVAL_S": "0",
            **self.variables,
        }

    def start(self, *command: str, fault: str = "", **variables: str) -> Process:
        """Start a command of the service, in a group of its own that a fault can kill."""
        listener = self.listener.fileno()
        ours = {"RUNNER": "none", "GEPA_NEXT_LISTEN": f"fd://{listener}", "FAULT": fault}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.process", *command],
            env={**os.environ, **self.settings(), **ours, **variables},
            pass_fds=[listener],
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def start_worker(self, *, fault: str = "", **variables: str) -> Process:
        return self.start("worker", fault=fault, **variables)

    def die_of(self, fault: str, *command: str, unless: Callable[[], bool] = lambda: False) -> None:
        """Start a worker, or the command, and wait until the fault has killed it; kill it if that is not to be."""
        process = self.start(*(command or ("worker",)), fault=fault)
        self.wait_for(lambda: process.poll() is not None or unless())
        self.kill(process)

    def perform(self, *command: str) -> None:
        """Run a command to its end."""
        process = self.start(*command)
        assert process.wait(TIMEOUT_S) == 0
        self.processes.remove(process)

    def ask(self, method: str, path: str, *, faults: Sequence[str] = (), **options: Any) -> list[requests.Response]:
        """Ask what a client asks, again whenever the server dies of a fault instead of answering, and once more.

        Return the last two answers.
        """
        for fault in faults:
            web = self.start("web", fault=fault)
            with suppress(requests.ConnectionError):
                answer = self.request(method, path, **options)
                raise AssertionError(f"{fault} did not strike: {answer.text}")
            self.wait_for(lambda web=web: web.poll() is not None)
            self.kill(web)
        web = self.start("web")
        answers = [self.request(method, path, **options) for _ in range(2)]
        self.kill(web)
        return answers

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        url = f"http://127.0.0.1:{self.listener.getsockname()[1]}{path}"
        return requests.request(method, url, timeout=TIMEOUT_S, **options)

    def kill(self, process: Process) -> None:
        """Kill the process and its children, or see that a fault has done so."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(TIMEOUT_S) == -signal.SIGKILL, f"{process.args} ended by itself"
        self.blows += "worker" in process.args
        self.processes.remove(process)

    def kill_all(self) -> None:
        for process in self.processes.copy():
            self.kill(process)

    def job(self, job_id: str = "") -> Job:
        return get_job(self.database, job_id or self.job_id)

    def is_over(self) -> bool:
        return self.job().status.terminal

    def wait_until_ended(self) -> None:
        self.wait_for(self.is_over)

    def wait_for(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not holds():
            assert time.monotonic() < deadline, f"not in time: {find_job(self.database, self.job_id)}"
            time.sleep(LOOK_S)

    def open_calls(self) -> int:
        """Return how many calls have no outcome."""
        return sum(call.status == "started" for call in iterate_calls(self.database, self.job_id))

    def close(self) -> None:
        with closing(self.database), closing(self.listener):
            self.kill_all()


@contextmanager
def stage(folder: Path, models: Models, variables: Mapping[str, str] | None = None) -> Iterator[Stage]:
    found = Stage(folder, models.room(), dict(variables or {}))
    try:
        yield found
    finally:
        found.close()


def is_stopped(process: Process) -> bool:
    stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8")
    return stat.rpartition(")")[2].split()[0] == "T"


def has_open(process: Process, path: Path) -> bool:
    links = Path(f"/proc/{process.pid}/fd").iterdir()
    return any(link.is_symlink() and link.readlink() == path for link in links)
