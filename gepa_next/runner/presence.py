"""Presence: a runner's place among the others, as they see it."""

import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from gepa_next.processes import started_at
from gepa_next.store.database import Database
from gepa_next.store.leases import RunnerIdentity, beat, boot_id, register_runner, retire_runner
from gepa_next.store.runner_lock import RunnerLock


class Presence:
    """Owns the runner's row and its lock file; leave it at the end."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self.identity = _identity()
        self.is_seen = True
        self._database = database
        self._clock = clock
        # Before it is entered, which may have to wait until a process that hangs is found and killed.
        self._lock = RunnerLock(database.path, self.identity.id)

    def renew(self, *, draining: bool) -> None:
        """Say that this runner can use the database; enter it at first, and again if others have struck it off."""
        now, monotonic = self._clock(), time.monotonic()
        if not beat(self._database, self.identity, now=now, monotonic=monotonic, draining=draining):
            self._enter(now, monotonic)

    def _enter(self, now: float, monotonic: float) -> None:
        self._lock.close()
        # Under another name each time: whoever struck the old one off may still be about to remove its file.
        self.identity = replace(self.identity, id=secrets.token_hex(8))
        self._lock = RunnerLock(self._database.path, self.identity.id)
        register_runner(self._database, self.identity, now=now, monotonic=monotonic)

    def show(self) -> None:
        """Give the others a sign of life; `is_seen` says whether that worked."""
        self.is_seen = False
        with suppress(FileNotFoundError):  # struck off, or about to have another
            self._lock.touch()
            self.is_seen = True

    def leave(self) -> None:
        """Put the runner's jobs back into the queue and strike it off; StoreError if that cannot be written now."""
        retire_runner(self._database, self.identity.id)

    def close(self) -> None:
        """Let go of the lock file: from now on the others take the runner for dead."""
        self._lock.close()


def _identity() -> RunnerIdentity:
    pid = os.getpid()
    return RunnerIdentity(
        id=secrets.token_hex(8), pid=pid, pid_started_at=started_at(pid) or 0, boot_id=boot_id()
    )  # fmt: skip
