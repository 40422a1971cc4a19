"""The watch: runners look after one another, so that the jobs of a dead or hung one are taken over."""

import logging
import os

from gepa_next.processes import kill_if_same
from gepa_next.store.database import Database
from gepa_next.store.leases import RunnerIdentity, list_runners, retire_runner
from gepa_next.store.runner_lock import is_dead, last_sign, remove_lock

log = logging.getLogger(__name__)

LOOK_S = 0.2
MOST_LOOKS = 35  # in a row at the same sign of life: 7 s


class Watch:
    """Strikes off runners that are dead at once, and those that hang after a while.

    A hung one is killed first where it is a process of this machine, because one that was stopped while it
    held the write gate would block everybody. It is one that gives no sign of life; that it cannot write says nothing,
    for that may be so for everybody. Looks are counted and not seconds: after a pause of the whole machine
    everybody has been silent for long.
    """

    def __init__(self, database: Database, *, kill_hung: bool) -> None:
        self._database = database
        self._kill_hung = kill_hung
        self._seen: dict[str, tuple[int, int]] = {}  # a runner's last sign, and how many looks have seen no other

    def __call__(self) -> None:
        """Look after the runners once; to be called every LOOK_S."""
        runners = list_runners(self._database)
        self._seen = {runner.id: self._look_at(runner.id) for runner in runners}
        for runner in runners:
            if self._is_lost(runner):
                log.warning("runner %s (pid %d) is lost; its jobs go back into the queue", runner.id, runner.pid)
                retire_runner(self._database, runner.id)
                remove_lock(self._database.path, runner.id)

    def _look_at(self, runner_id: str) -> tuple[int, int]:
        sign = last_sign(self._database.path, runner_id)
        before, looks = self._seen.get(runner_id, (None, 0))
        return sign, looks + 1 if sign == before else 0

    def _is_lost(self, runner: RunnerIdentity) -> bool:
        if is_dead(self._database.path, runner.id):
            return True
        _, looks = self._seen[runner.id]
        if looks < MOST_LOOKS:
            return False
        if self._kill_hung and runner.pid != os.getpid():
            kill_if_same(runner.pid, pid_started_at=runner.pid_started_at)
        return True
