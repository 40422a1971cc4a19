import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gepa_next.processes import kill_if_same, started_at
from gepa_next.runner.watch import CONFIRM_S, Watch
from gepa_next.store.database import Database
from gepa_next.store.leases import LEASE_S, RunnerIdentity, beat, list_runners, register_runner
from gepa_next.store.runner_lock import RunnerLock

OWN = RunnerIdentity(id="own", pid=os.getpid(), pid_started_at=0, boot_id="boot")


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield child
    child.kill()
    child.wait(10)


@pytest.fixture
def other(database: Database, process: subprocess.Popen[bytes]) -> Iterator[RunnerIdentity]:
    found = RunnerIdentity(id="other", pid=process.pid, pid_started_at=started_at(process.pid) or 0, boot_id="boot")
    lock = RunnerLock(database.path, "other")
    for runner in (OWN, found):
        register_runner(database, runner, now=1.0, monotonic=0.0)
    yield found
    lock.close()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def names(database: Database) -> list[str]:
    return [runner.id for runner, _ in list_runners(database)]


def test_a_runner_that_beats_is_left_alone(database: Database, other: RunnerIdentity) -> None:
    clock = Clock()
    watch = Watch(database, OWN, kill_hung=True, clock=clock)
    for clock.now in (0.0, LEASE_S, LEASE_S + CONFIRM_S, 2 * LEASE_S):
        beat(database, other, now=1.0, monotonic=clock.now, draining=False)
        watch()
    assert names(database) == ["other", "own"]


def test_a_dead_runner_is_struck_off_at_once(database: Database) -> None:
    register_runner(database, replace(OWN, id="dead"), now=1.0, monotonic=0.0)
    Watch(database, OWN, kill_hung=True, clock=Clock())()
    assert names(database) == []


def test_a_hung_runner_is_killed_when_its_silence_was_seen_twice(
    database: Database, other: RunnerIdentity, process: subprocess.Popen[bytes]
) -> None:
    clock = Clock()
    watch = Watch(database, OWN, kill_hung=True, clock=clock)
    seen = []
    for clock.now in (LEASE_S + 1, LEASE_S + 1 + CONFIRM_S):
        watch()
        seen.append(names(database))
    assert seen == [["other", "own"], ["own"]]
    assert process.wait(10) == -signal.SIGKILL


def test_a_hung_runner_is_struck_off_but_not_killed_where_killing_is_off(
    database: Database, other: RunnerIdentity, process: subprocess.Popen[bytes]
) -> None:
    clock = Clock()
    watch = Watch(database, OWN, kill_hung=False, clock=clock)
    for clock.now in (LEASE_S + 1, LEASE_S + 1 + CONFIRM_S):
        watch()
    assert names(database) == ["own"]
    assert process.poll() is None


def test_after_a_pause_of_the_whole_machine_nobody_is_killed(
    database: Database, other: RunnerIdentity, process: subprocess.Popen[bytes]
) -> None:
    clock = Clock()
    watch = Watch(database, OWN, kill_hung=True, clock=clock)
    clock.now = 1000.0
    watch()
    beat(database, other, now=1.0, monotonic=1000.5, draining=False)
    clock.now = 1000.0 + CONFIRM_S
    watch()
    assert names(database) == ["other", "own"]


def test_a_process_that_has_another_ones_number_is_not_killed(process: subprocess.Popen[bytes]) -> None:
    assert not kill_if_same(process.pid, pid_started_at=(started_at(process.pid) or 0) + 1)
    assert process.poll() is None


def test_a_process_that_does_not_exist_has_no_start(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)
    assert started_at(process.pid) is None
