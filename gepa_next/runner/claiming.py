"""Claiming: jobs taken out of the queue, and their runs begun, for as many as there is room."""

import logging
from collections.abc import Callable
from concurrent.futures import Future

from gepa_next.errors import GepaNextError, UnavailableError
from gepa_next.runner.holdings import Holdings
from gepa_next.runner.job_run import JobRun
from gepa_next.runner.jobs_pool import JobsPool
from gepa_next.store.database import Database
from gepa_next.store.leases import Claim, RunnerIdentity, anything_to_claim, claim_job

log = logging.getLogger(__name__)


class Claiming:
    """Owns the threads that jobs run in; close it in the end. Whatever runs is held until the aftermath."""

    def __init__(
        self,
        database: Database,
        held: Holdings,
        new_run: Callable[[Claim], JobRun],
        *,
        concurrent_jobs: int,
        ended: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._held = held
        self._new_run = new_run
        self._most = concurrent_jobs
        self._pool = JobsPool(concurrent_jobs)
        self._tell_ended = ended
        self._clock = clock

    def __call__(self, identity: RunnerIdentity, *, go_on: Callable[[], bool]) -> None:
        """Take jobs for this runner while there is room, and `go_on` says so."""
        while go_on() and self._held.jobs < self._most and self._pool.can_begin and self.finds_any(identity):
            claim = claim_job(self._database, identity, now=self._clock(), but=self._held.awaited)
            if claim is None:
                return
            self._begin(claim)

    def finds_any(self, identity: RunnerIdentity) -> bool:
        """Say whether there is a job that this runner could take; it only reads."""
        return anything_to_claim(self._database, identity, but=self._held.awaited)

    def close(self) -> None:
        """Begin nothing more; what runs goes on."""
        self._pool.close()

    def _begin(self, claim: Claim) -> None:
        run = self._new_run(claim)
        self._held.begin(run)
        log.info("job %s: claimed", claim.job_id, extra={**run.about, "epoch": claim.epoch})
        try:
            future = self._pool.begin(run)
        except UnavailableError as error:
            run.let_go.set()
            self._end(run, error)
            return
        future.add_done_callback(lambda future: self._end(run, _error_of(future)))

    def _end(self, run: JobRun, error: BaseException | None) -> None:
        if error is not None:
            trace = None if isinstance(error, GepaNextError) else error
            log.error("job %s: broke off: %s", run.claim.job_id, error, exc_info=trace, extra=run.about)
        self._held.end(run, error)
        self._tell_ended()


def _error_of(future: Future[None]) -> BaseException | None:
    return None if future.cancelled() else future.exception()
