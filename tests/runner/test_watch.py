import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobStatus
from gepa_next.processes import kill_if_same, started_at
from gepa_next.runner.watch import LOOK_S, MOST_LOOKS, Watch
from gepa_next.store.database import Database
from gepa_next.store.leases import LEASE_S, RunnerIdentity, list_runners, register_runner, retire_runner
from gepa_next.store.runner_lock import RunnerLock, is_dead, remove_lock
from tests.runner.running import ended, running, wait_for
from tests.store.jobs_on_file import insert

OWN = RunnerIdentity(id="own", pid=os.getpid(), pid_started_at=0, boot_id="boot")


@dataclass(frozen=True)
class Other:
    """Another runner, and its process, which does nothing."""

    process: subprocess.Popen[bytes]
    lock: RunnerLock


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield child
    child.kill()
    child.wait(10)


@pytest.fixture
def other(database: Database, process: subprocess.Popen[bytes]) -> Iterator[Other]:
    found = Other(process, RunnerLock(database.path, "other"))
    identity = replace(OWN, id="other", pid=process.pid, pid_started_at=started_at(process.pid) or 0)
    register_runner(database, identity, now=1.0, monotonic=0.0)
    yield found
    found.lock.close()


def names(database: Database) -> list[str]:
    return [runner.id for runner in list_runners(database)]


def look(watch: Watch, times: int) -> None:
    for _ in range(times):
        watch()


def test_a_runner_that_gives_signs_of_life_is_left_alone_though_it_never_writes(
    database: Database, other: Other
) -> None:
    watch = Watch(database, kill_hung=True)
    for n in range(3):
        os.utime(database.path.with_name(f"{database.path.name}.runner-other"), ns=(n, n))
        look(watch, MOST_LOOKS)
    assert names(database) == ["other"]


def test_a_dead_runner_is_struck_off_at_once(database: Database) -> None:
    register_runner(database, replace(OWN, id="dead"), now=1.0, monotonic=0.0)
    Watch(database, kill_hung=True)()
    assert names(database) == []


def test_a_hung_runner_is_killed_when_it_was_silent_at_many_looks(database: Database, other: Other) -> None:
    watch = Watch(database, kill_hung=True)
    look(watch, MOST_LOOKS)
    assert names(database) == ["other"]
    watch()
    assert names(database) == []
    assert other.process.wait(10) == -signal.SIGKILL


def test_a_sign_of_life_is_seen_however_fine_its_time(database: Database, other: Other) -> None:
    watch = Watch(database, kill_hung=True)
    look(watch, MOST_LOOKS)
    other.lock.touch()
    look(watch, MOST_LOOKS)
    assert names(database) == ["other"]


def test_a_hung_runner_is_struck_off_but_not_killed_where_killing_is_off(database: Database, other: Other) -> None:
    look(Watch(database, kill_hung=False), MOST_LOOKS + 1)
    assert names(database) == []
    assert other.process.poll() is None


def test_a_proof_of_tenure_is_older_than_it_may_be_when_a_frozen_runner_is_struck_off() -> None:
    assert MOST_LOOKS * LOOK_S > LEASE_S


def test_a_process_that_has_another_ones_number_is_not_killed(process: subprocess.Popen[bytes]) -> None:
    assert not kill_if_same(process.pid, pid_started_at=(started_at(process.pid) or 0) + 1)
    assert process.poll() is None


def test_a_process_that_does_not_exist_has_no_start(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)
    assert started_at(process.pid) is None


def test_a_runner_that_was_struck_off_and_lives_on_enters_again_and_is_not_taken_for_dead(database: Database) -> None:
    with running(database, Simulator()):
        wait_for(database, lambda: names(database))
        (first,) = names(database)
        retire_runner(database, first)
        remove_lock(database.path, first)
        wait_for(database, lambda: names(database))
        assert not is_dead(database.path, *names(database))
        insert(database)
        job = ended(database)
    assert (job.status, job.owner_epoch) == (JobStatus.FINISHED, 1)
