"""The watch: runners look after one another, so that the jobs of a dead or hung one are taken over."""

import logging
import time
from collections.abc import Callable

from gepa_next.processes import kill_if_same
from gepa_next.store.database import Database
from gepa_next.store.leases import LEASE_S, RunnerIdentity, list_runners, retire_runner
from gepa_next.store.runner_lock import is_dead, remove_lock

log = logging.getLogger(__name__)

LOOK_S = 0.5
CONFIRM_S = 1.5


class Watch:
    """Strikes off runners that are dead at once, and those that hang after the lease.

    A hung one is killed first where it is a process of this machine, because one that was stopped while it
    held the write gate would block everybody. That it is silent must be seen twice: after a pause of the
    whole machine everybody looks silent once.
    """

    def __init__(
        self,
        database: Database,
        own: RunnerIdentity,
        *,
        kill_hung: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._own = own
        self._kill_hung = kill_hung
        self._clock = clock
        self._next_look = 0.0
        self._suspects: dict[str, tuple[float, float]] = {}

    def __call__(self) -> None:
        """Look after the other runners, not more often than twice a second."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_S
        for runner, heartbeat_at in list_runners(self._database):
            if runner.id != self._own.id and self._is_lost(runner, heartbeat_at, now):
                log.warning("runner %s (pid %d) is lost; its jobs go back into the queue", runner.id, runner.pid)
                retire_runner(self._database, runner.id)
                remove_lock(self._database.path, runner.id)
                self._suspects.pop(runner.id, None)

    def _is_lost(self, runner: RunnerIdentity, heartbeat_at: float, now: float) -> bool:
        if is_dead(self._database.path, runner.id):
            return True
        if not self._hangs(runner.id, heartbeat_at, now):
            return False
        if self._kill_hung and runner.pid != self._own.pid:
            kill_if_same(runner.pid, pid_started_at=runner.pid_started_at)
        return True

    def _hangs(self, runner_id: str, heartbeat_at: float, now: float) -> bool:
        if now - heartbeat_at <= LEASE_S:
            self._suspects.pop(runner_id, None)
            return False
        seen_beat, seen_at = self._suspects.setdefault(runner_id, (heartbeat_at, now))
        if seen_beat != heartbeat_at:
            self._suspects[runner_id] = (heartbeat_at, now)
            return False
        return now - seen_at >= CONFIRM_S
