"""The runner: claims jobs, keeps their leases alive, lets go of lost ones and drains at the end."""

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from gepa_next.errors import GepaNextError, StoreError, UnavailableError
from gepa_next.processes import started_at
from gepa_next.runner.asking import Asking
from gepa_next.runner.call_pool import CallPool
from gepa_next.runner.job_run import LONGEST_CALL_S, JobRun, ModelsFor
from gepa_next.runner.watch import Watch
from gepa_next.store.database import Database
from gepa_next.store.leases import (
    Claim,
    RunnerIdentity,
    anything_to_claim,
    beat,
    boot_id,
    claim_job,
    lost_jobs,
    register_runner,
    retire_runner,
)
from gepa_next.store.runner_lock import RunnerLock

log = logging.getLogger(__name__)

BEAT_S = 1.0
LOOK_S = 0.2
FLUSH_S = 0.02  # the longest that an answer is held for a commit to share
LAST_S = 5.0  # so long a draining runner at least tries to write what is paid for


class Runner:
    """Owns the two pools and the thread that looks after jobs; start it once, drain it once."""

    def __init__(
        self,
        database: Database,
        models_for: ModelsFor,
        *,
        concurrent_jobs: int,
        concurrent_calls: int,
        kill_hung: bool = True,
        brake: Callable[[], str | None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        pid = os.getpid()
        self.identity = RunnerIdentity(
            id=secrets.token_hex(8), pid=pid, pid_started_at=started_at(pid) or 0, boot_id=boot_id()
        )
        self._watch = Watch(database, self.identity, kill_hung=kill_hung)
        self._database = database
        self._models_for = models_for
        self._clock = clock
        self._brake = brake
        self._asking = Asking()
        self._most_jobs = concurrent_jobs
        self._jobs_pool = ThreadPoolExecutor(concurrent_jobs, thread_name_prefix="job")
        self._call_pool = CallPool(concurrent_calls)
        self._running: dict[tuple[str, int], JobRun] = {}  # by job and epoch: a job may come back while it ends
        self._over: list[tuple[JobRun, float]] = []  # runs whose calls hang on, and until when those are waited for
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._draining = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look_after_jobs, name="runner", daemon=True)
        self._flush_thread = threading.Thread(target=self._flush, name="flush", daemon=True)
        # A thread of its own: it must kill a process that holds the write gate while this one waits for the gate.
        self._watch_thread = threading.Thread(target=self._watch_others, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to claim jobs, as soon as the database can be written."""
        self._lock_file = RunnerLock(self._database.path, self.identity.id)
        self._database.listen(self._wake.set)
        self._thread.start()
        self._watch_thread.start()
        self._flush_thread.start()

    def drain(self, timeout_s: float) -> None:
        """Start no new call, wait so long for those in flight, and put unfinished jobs back into the queue."""
        self._draining.set()
        self._wake.set()
        with self._lock:
            for run in self._running.values():
                run.let_go.set()
        deadline = time.monotonic() + timeout_s
        self._call_pool.drain(timeout_s)
        self._stopped.set()
        self._wake.set()
        self._thread.join(BEAT_S)
        self._flush_thread.join(BEAT_S)
        self._jobs_pool.shutdown(wait=False, cancel_futures=True)
        self._retire(until=max(deadline, time.monotonic() + LAST_S))
        self._lock_file.close()

    def _retire(self, *, until: float) -> None:
        """Put the jobs back, after everything that is still to be written; again while nothing can be written."""
        while True:
            try:
                self._database.flush()  # what is paid for first, in a commit of its own
                return retire_runner(self._database, self.identity.id)
            except (StoreError, UnavailableError) as error:
                if time.monotonic() >= until:
                    log.error("what is not written yet is lost: %s", error.message)  # noqa: TRY400 - no bug of ours
                    return None
                time.sleep(LOOK_S)

    def _look_after_jobs(self) -> None:
        next_beat = 0.0
        while not self._stopped.is_set():  # on while it drains: the leases must live until the last call is in
            try:
                if time.monotonic() >= next_beat:
                    self._beat()
                    next_beat = time.monotonic() + BEAT_S
                self._let_go_of_lost_jobs()
                self._claim_jobs()
            except (GepaNextError, OSError) as error:
                log.warning("runner cannot use the database: %s", error)
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _beat(self) -> None:
        """Renew the leases; enter the runner at first, and again if others took it for dead and struck it off."""
        monotonic = time.monotonic()
        now, draining = self._clock(), self._draining.is_set()
        if not beat(self._database, self.identity, now=now, monotonic=monotonic, draining=draining):
            register_runner(self._database, self.identity, now=now, monotonic=monotonic)

    def _watch_others(self) -> None:
        while not self._stopped.wait(LOOK_S):
            try:
                self._watch()
            except (GepaNextError, OSError) as error:
                log.warning("runner cannot look after others: %s", error)

    def _flush(self) -> None:
        """Commit answers soon: they are paid for, and a crash would lose those that are not committed."""
        while not self._stopped.wait(FLUSH_S if self._running else LOOK_S):
            self._database.flush()

    def _claim_jobs(self) -> None:
        while not self._draining.is_set() and len(self._running) < self._most_jobs:
            awaited = self._jobs_with_calls_under_way()
            if not anything_to_claim(self._database, but=awaited):
                return
            claim = claim_job(self._database, self.identity, now=self._clock(), but=awaited)
            if claim is None:
                return
            self._begin(claim)

    def _jobs_with_calls_under_way(self) -> set[str]:
        """Return the jobs that came back before the answers of their last run: what is paid for is not bought again."""
        now = time.monotonic()
        with self._lock:
            self._over = [(run, until) for run, until in self._over if run.calls_under_way and now < until]
            runs = [*self._running.values(), *(run for run, _ in self._over)]
        return {run.claim.job_id for run in runs if run.calls_under_way}

    def _begin(self, claim: Claim) -> None:
        run = JobRun(
            database=self._database,
            claim=claim,
            pool=self._call_pool.share(),
            models_for=self._models_for,
            clock=self._clock,
            brake=self._brake,
            asking=self._asking,
        )
        with self._lock:
            self._running[claim.job_id, claim.epoch] = run
            if self._draining.is_set():
                run.let_go.set()
        log.info("job %s: claimed", claim.job_id, extra={"job_id": claim.job_id, "epoch": claim.epoch})
        future = self._jobs_pool.submit(copy_context().run, run)
        future.add_done_callback(lambda _: self._ended(claim))

    def _ended(self, claim: Claim) -> None:
        with self._lock:
            run = self._running.pop((claim.job_id, claim.epoch))
            self._over.append((run, time.monotonic() + LONGEST_CALL_S))
        self._wake.set()

    def _let_go_of_lost_jobs(self) -> None:
        with self._lock:
            held = list(self._running)
        for lost in lost_jobs(self._database, held):
            with self._lock:
                run = self._running.get(lost)
            if run is not None:
                run.let_go.set()
