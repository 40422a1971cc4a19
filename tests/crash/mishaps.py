"""Mishaps that are no fault at a commit: kills at any moment, an owner that freezes or hangs, a disk that is full."""

import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from gepa_next.store.housekeeping import check_file
from gepa_next.store.leases import list_runners
from tests.crash.account import Account, job_account
from tests.crash.disk import Stuck, fill, make_room
from tests.crash.harness import Outcome, Variables, in_peace, wait_or_end
from tests.crash.models import TIMEOUT_S, Models
from tests.crash.stage import Stage, is_stopped, stage

LONGER_THAN_A_WATCH_S = 9.0  # a runner that gives no sign of life for 7 s is killed


def through_kills(
    folder: Path, models: Models, after_s: Sequence[float], *, variables: Variables | None = None
) -> Outcome:
    """Return the outcome of a job whose workers are killed so long after they took it, before one is left in peace."""
    with stage(folder, models, variables) as disturbed:
        disturbed.add_job()
        for delay_s in after_s:
            epoch = disturbed.job().owner_epoch
            worker = disturbed.start_worker()
            disturbed.wait_for(lambda epoch=epoch: disturbed.job().owner_epoch > epoch or disturbed.is_over())
            wait_or_end(disturbed, delay_s)
            disturbed.kill(worker)
        return in_peace(disturbed)


def through_a_freeze(
    folder: Path, models: Models, *, at: str = "end_call:40", variables: Variables | None = None
) -> Outcome:
    """Return the outcome of a job whose owner is frozen, loses it to another, and is woken while that one works."""
    log = folder / "sends.log"
    with stage(folder, models, {"KILL_HUNG_RUNNERS": "false", **(variables or {})}) as disturbed:
        disturbed.models.order(latency_s=0.05)  # the job must not be over before the owner wakes
        disturbed.add_job()
        frozen = disturbed.start_worker(fault=f"{at}:after:stop", SEND_LOG=str(log))
        disturbed.wait_for(lambda: is_stopped(frozen))
        disturbed.blows += 1
        disturbed.start_worker()
        disturbed.wait_for(lambda: disturbed.job().owner_epoch > 1)
        woken = time.monotonic()
        frozen.send_signal(signal.SIGCONT)
        found = in_peace(disturbed)
    sent = [float(line) for line in log.read_text(encoding="ascii").splitlines()]
    return replace(found, sent_when_robbed=sum(at > woken for at in sent))


def through_a_hang(folder: Path, models: Models) -> Outcome:
    """Return the outcome of a job whose owner stops inside a transaction: nobody can write until it is killed."""
    with stage(folder, models) as blocked:
        blocked.add_job()
        hung = blocked.start_worker(fault="end_call:40:before:stop")
        blocked.wait_for(lambda: is_stopped(hung))
        blocked.start_worker()
        assert hung.wait(TIMEOUT_S) == -signal.SIGKILL
        blocked.kill(hung)
        return in_peace(blocked)


def through_a_full_disk(folder: Path, models: Models) -> Outcome:
    """Return the outcome of a job whose worker lives through a disk that is full for a while."""
    with stage(folder, models) as full:
        full.models.order(latency_s=0.02)
        full.add_job()
        worker = full.start_worker()
        full.wait_for(lambda: full.job().rollouts > 20)
        fill(worker.pid, full.database.path)
        full.wait_for(Stuck(full.database))
        make_room(worker.pid)
        full.models.order(latency_s=0.0)
        found = in_peace(full)
        assert worker.poll() is None
        assert check_file(full.database) == []
    return found


def through_a_lock(folder: Path, models: Models) -> Outcome:
    """Return the outcome of a job of one of two workers, neither of which can write for long."""
    with beside_another(folder, models) as shared, closing(sqlite3.connect(shared.database.path)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        sit_out(shared)
        shell.rollback()
        return unharmed(shared)


def through_a_long_full_disk(folder: Path, models: Models) -> Outcome:
    """Return the outcome of a job of one of two workers, whose disk is full for long while the other's is not."""
    with beside_another(folder, models) as shared:
        owner, _ = shared.processes
        fill(owner.pid, shared.database.path)
        sit_out(shared)
        make_room(owner.pid)
        return unharmed(shared)


@contextmanager
def beside_another(folder: Path, models: Models) -> Iterator[Stage]:
    """Yield a stage with a job that a first worker has begun, and a second worker that has nothing to do."""
    with stage(folder, models) as shared:
        shared.models.order(latency_s=0.02)
        shared.add_job()
        shared.start_worker()
        shared.wait_for(lambda: shared.job().rollouts > 0)
        shared.start_worker()
        shared.wait_for(lambda: len(list_runners(shared.database)) > 1)
        shared.wait_for(lambda: shared.job().rollouts > 20)
        yield shared


def sit_out(shared: Stage) -> None:
    until = time.monotonic() + LONGER_THAN_A_WATCH_S
    shared.wait_for(lambda: time.monotonic() > until)


def unharmed(shared: Stage) -> Outcome:
    """Return the outcome of the job, which all workers must have outlived."""
    shared.models.order(latency_s=0.0)
    found = in_peace(shared)
    assert [worker.poll() for worker in shared.processes] == [None, None]
    return found


def two_workers(folder: Path, models: Models, *, jobs: int = 6) -> list[Account]:
    """Return the accounts of some jobs that two workers share, each having been begun once."""
    names = [f"job-{n}" for n in range(jobs)]
    with stage(folder, models) as shared:
        for name in names:
            shared.add_job(name)
        for _ in range(2):
            shared.start_worker(MAX_CONCURRENT_JOBS="2")
        shared.wait_for(lambda: all(shared.job(name).status.terminal for name in names))
        assert {shared.job(name).owner_epoch for name in names} == {1}
        return [job_account(shared.database, name) for name in names]
