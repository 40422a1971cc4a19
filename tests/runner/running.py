"""A runner at work on a database, and how to wait for what it does."""

import itertools
import sys
import threading
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager

import pytest

from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.types import Role
from gepa_next.models import Job
from gepa_next.runner.job_run import ModelsFor
from gepa_next.runner.ledger import RoleModel
from gepa_next.runner.runner import Runner
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job

TIMEOUT_S = 30


@contextmanager
def running(
    database: Database,
    model: LanguageModel,
    models_for: ModelsFor | None = None,
    *,
    longest_call_s: float = TIMEOUT_S,
) -> Iterator[Runner]:
    models = {role: RoleModel(model_id=f"sim/{role}", ask=model) for role in Role}
    runner = Runner(
        database,
        models_for or (lambda *_: models),
        concurrent_jobs=2,
        concurrent_calls=8,
        longest_call_s=longest_call_s,
    )
    runner.start()
    try:
        yield runner
    finally:
        runner.drain(TIMEOUT_S)


def wait_for(database: Database, holds: Callable[[], bool]) -> None:
    """Wait until something holds, looking after every commit."""
    changed = threading.Event()
    database.listen(changed.set)
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        assert changed.wait(max(0.0, deadline - time.monotonic())), "it did not come true in time"
        changed.clear()


def ended(database: Database, job_id: str = "job-1") -> Job:
    wait_for(database, lambda: get_job(database, job_id).status.terminal)
    return get_job(database, job_id)


def come_true(holds: Callable[[], object]) -> None:
    """Wait until something holds that no commit tells of."""
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        threading.Event().wait(0.01)


def turns(of: Runner, times: int = 0, *, until: Callable[[], object] = lambda: True) -> None:
    """Wait until something holds, and until the runner has looked after its jobs so often."""
    come_true(until)
    for _ in range(times):
        before = of._turn_began
        come_true(lambda before=before: of._turn_began != before)


def refuse_threads(monkeypatch: pytest.MonkeyPatch, *, name: str = "call", places: Container[int]) -> None:
    """Let no thread of this name be started at these of the tries to start one, counted from 1."""
    begin, tries = threading.Thread.start, itertools.count(1)

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith(name) and next(tries) in places:
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)


def refuse_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no thread be started any more."""
    refuse_threads(monkeypatch, name="", places=range(1, sys.maxsize))
