"""Runs a job through crashes and compares it with the job that nothing disturbed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import requests

from gepa_next.models import Job, JobStatus, Judge
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts, list_lessons
from gepa_next.store.jobs import NewJob, get_job, insert_job
from gepa_next.store.ledger import iterate_calls
from tests.store.jobs_on_file import EXAMPLES, job_spec

TIMEOUT_S = 60
CONCURRENCY = 8
LOOK_S = 0.02
MOSTLY_TIME = {"elapsed_s", "eta_s", "calls", "cost_usd", "artifacts"}
ABOUT_CRASHES = {"started", "resumed"}


@dataclass(frozen=True)
class Account:
    """What a job came to, without times: what must be the same whatever happened on the way."""

    events: tuple[str, ...]
    candidates: tuple[Any, ...]
    rollouts: tuple[Any, ...]
    lessons: tuple[Any, ...]
    result: str
    asked: frozenset[str]


@dataclass
class Models:
    """The model server's process and what it was asked."""

    url: str

    def asked(self) -> dict[str, int]:
        found: dict[str, int] = requests.get(f"{self.url}/requests", timeout=TIMEOUT_S).json()
        return found

    def answer_after(self, seconds: float) -> None:
        requests.post(f"{self.url}/latency", json=seconds, timeout=TIMEOUT_S)


@contextmanager
def models_served() -> Iterator[Models]:
    command = [sys.executable, "-m", "tests.crash.model_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Models(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


@dataclass
class Stage:
    """One database with one job, and the workers that were started on it."""

    folder: Path
    models: Models
    variables: dict[str, str] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = Database(self.folder / "crash.sqlite3", gate_timeout_s=TIMEOUT_S)
        self.before = self.models.asked()

    def add_job(self, job_id: str = "job", **changes: object) -> None:
        new = NewJob(
            id=job_id,
            token_id="token",  # noqa: S106 - an id
            spec=job_spec(target_model_id="crash/target", **changes),
            examples=EXAMPLES,
            judge=Judge(model_id="crash/judge", fingerprint="f"),
            simulated=False,
            created_at=time.time(),
            body_sha256="",
        )
        insert_job(self.database, new)

    def start_worker(self, *, fault: str = "", **variables: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DATABASE_PATH": str(self.database.path),
            "REQUIRE_AUTH": "false",
            "LLM_BASE_URL": f"{self.models.url}/v1",
            "TARGET_MODEL_DEFAULT": "crash/target",
            "JUDGE_MODEL_ID": "crash/judge",
            "REFLECTION_MODEL_ID": "crash/reflector",
            "MAX_CONCURRENT_CALLS": str(CONCURRENCY),
            "LOG_LEVEL": "ERROR",
            "FAULT": fault,
            **self.variables,
            **variables,
        }
        worker = subprocess.Popen([sys.executable, "-m", "tests.crash.worker"], env=environment)
        self.workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        worker.kill()
        worker.wait(TIMEOUT_S)

    def job(self, job_id: str = "job") -> Job:
        return get_job(self.database, job_id)

    def is_over(self) -> bool:
        return self.job().status.terminal

    def wait_until_ended(self) -> Job:
        self.wait_for(lambda: self.job().status.terminal)
        return self.job()

    def wait_for(self, holds: Any) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not holds():
            assert time.monotonic() < deadline, f"not in time: {self.job()}"
            time.sleep(LOOK_S)

    def unknown_calls(self) -> int:
        return sum(call.status == "started" for call in iterate_calls(self.database, "job"))

    def asked(self) -> dict[str, int]:
        """Return how often each request was sent since the stage was set."""
        now = self.models.asked()
        return {
            name: times - self.before.get(name, 0) for name, times in now.items() if times > self.before.get(name, 0)
        }

    def account(self, job_id: str = "job") -> Account:
        log = list_events(self.database, job_id, after=0, limit=100_000)
        assert [event.id for event in log] == list(range(1, len(log) + 1)), "ids with a gap"
        assert [event.terminal for event in log].count(True) == 1, "more than one end"
        result = self.job(job_id).result
        assert self.job(job_id).status is JobStatus.FINISHED, self.job(job_id)
        return Account(
            events=tuple(timeless(event.type, event.data) for event in log if event.type not in ABOUT_CRASHES),
            candidates=tuple(iterate_candidates(self.database, job_id)),
            rollouts=tuple(iterate_rollouts(self.database, job_id)),
            lessons=tuple(list_lessons(self.database, job_id)),
            result=timeless("result", json.dumps(result)),
            asked=frozenset(call.key for call in iterate_calls(self.database, job_id)),
        )

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
                worker.wait(TIMEOUT_S)
        self.database.close()


def timeless(kind: str, data: str) -> str:
    kept = {name: value for name, value in json.loads(data).items() if name not in MOSTLY_TIME}
    return f"{kind} {json.dumps(kept, sort_keys=True)}"


@contextmanager
def stage(folder: Path, models: Models, **variables: str) -> Iterator[Stage]:
    found = Stage(folder, models, variables)
    try:
        yield found
    finally:
        found.close()


def undisturbed(folder: Path, models: Models, **variables: str) -> Account:
    """Return the account of the job that nothing happened to."""
    with stage(folder, models, **variables) as quiet:
        quiet.add_job()
        quiet.start_worker()
        quiet.wait_until_ended()
        assert set(quiet.asked().values()) == {1}
        return quiet.account()


@dataclass(frozen=True)
class Outcome:
    """What a disturbed job came to, and what it cost too much."""

    account: Account
    bought_again: int
    unknown: int
    sent_when_robbed: int = 0

    def problems(self, reference: Account, *, kills: int = 1) -> list[str]:
        """Say what is not as the undisturbed job has it; nothing if all is well."""
        found = [
            f"{part.name} differ" for part in fields(Account)
            if getattr(self.account, part.name) != getattr(reference, part.name)
        ]  # fmt: skip
        if self.bought_again > self.unknown:
            found.append(f"{self.bought_again} calls bought again, {self.unknown} of unknown outcome")
        if self.unknown > CONCURRENCY * kills:
            found.append(f"{self.unknown} calls of unknown outcome")
        if self.sent_when_robbed:
            found.append(f"{self.sent_when_robbed} requests sent by an owner who had lost the job")
        return found


def through_faults(folder: Path, models: Models, faults: Sequence[str], **variables: str) -> Outcome:
    """Return the outcome of a job whose workers meet a fault each, before one is left in peace."""
    with stage(folder, models, **variables) as disturbed:
        disturbed.add_job()
        unknown = 0
        for fault in faults:
            disturbed.start_worker(fault=fault).wait(TIMEOUT_S)
            unknown += disturbed.unknown_calls()
        return _ended(disturbed, unknown)


def through_kills(folder: Path, models: Models, after_s: Sequence[float], **variables: str) -> Outcome:
    """Return the outcome of a job whose workers are killed so long after they took it, before one is left in peace."""
    with stage(folder, models, **variables) as disturbed:
        disturbed.add_job()
        unknown = 0
        for delay_s in after_s:
            epoch = disturbed.job().owner_epoch
            worker = disturbed.start_worker()
            disturbed.wait_for(lambda epoch=epoch: disturbed.job().owner_epoch > epoch or disturbed.is_over())
            alive = time.monotonic() + delay_s
            disturbed.wait_for(lambda alive=alive: time.monotonic() > alive or disturbed.is_over())
            disturbed.kill(worker)
            unknown += disturbed.unknown_calls()
        return _ended(disturbed, unknown)


def through_a_freeze(folder: Path, models: Models, *, at: str = "end_call:40", **variables: str) -> Outcome:
    """Return the outcome of a job whose owner is frozen, loses it to another, and is woken while that one works.

    Have the models take a while to answer, or the job is over before the owner wakes.
    """
    log = folder / "sends.log"
    with stage(folder, models, KILL_HUNG_RUNNERS="false", **variables) as disturbed:
        disturbed.add_job()
        frozen = disturbed.start_worker(fault=f"{at}:after:stop", SEND_LOG=str(log))
        disturbed.wait_for(lambda: stopped(frozen.pid))
        unknown = disturbed.unknown_calls()
        disturbed.start_worker()
        disturbed.wait_for(lambda: disturbed.job().owner_epoch > 1)
        woken = time.monotonic()
        frozen.send_signal(signal.SIGCONT)
        outcome = _ended(disturbed, unknown)
    sent = [float(line) for line in log.read_text(encoding="ascii").splitlines()]
    return replace(outcome, sent_when_robbed=sum(at > woken for at in sent))


def _ended(disturbed: Stage, unknown: int) -> Outcome:
    disturbed.start_worker()
    disturbed.wait_until_ended()
    asked = disturbed.asked()
    return Outcome(disturbed.account(), bought_again=sum(asked.values()) - len(asked), unknown=unknown)


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"
