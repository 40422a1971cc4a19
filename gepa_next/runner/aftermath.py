"""The aftermath of a run: a job that is still ours when its run is over goes back into the queue, after a pause."""

import logging
from collections.abc import Callable

from gepa_next.errors import GepaNextError, StoreError, UnavailableError
from gepa_next.runner.holdings import Holdings, Over
from gepa_next.store.database import Database
from gepa_next.store.endings import fail_job
from gepa_next.store.leases import lost_jobs, release_job

log = logging.getLogger(__name__)

MOST_TIMES = 5  # in a row, and a job that will not mend by itself fails: after half a minute

UNREADABLE = "the database cannot read what it holds of this job; check the database, then resume the job"
FAULT = "an error in the service; its log says more under job {}"


class Aftermath:
    """Puts away the runs that are over, once their calls are in."""

    def __init__(self, database: Database, held: Holdings, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._held = held
        self._clock = clock

    def __call__(self) -> None:
        """Put away what can be; to be called again and again. UnavailableError while nobody can write."""
        for over in self._held.over:
            if not over.awaits_calls and over.putting_away.is_over:
                self._put_away(over)

    def _put_away(self, over: Over) -> None:
        if lost_jobs(self._database, [over.run.key]):
            over.lose()
            self._let_go(over)
        elif not over.is_broken:
            log.error("job %s: its run is over, but not the job", over.run.claim.job_id, extra=over.run.about)
            over.break_off()
        elif over.back_off.is_over:
            self._let_go(over)

    def _let_go(self, over: Over) -> None:
        """Hold nothing of the run any more once anybody may have its job; again later if that cannot be written."""
        job_id, epoch = over.run.key
        try:
            self._fail_if_hopeless(over)
            release_job(self._database, job_id, epoch=epoch, now=self._clock())
        except UnavailableError:
            raise
        except Exception:  # for this job alone, as far as is known: the others must go on
            log.exception("job %s: it cannot be put back", job_id, extra=over.run.about)
            over.putting_away.begin()
        else:
            self._held.forget(over)

    def _fail_if_hopeless(self, over: Over) -> None:
        if over.is_broken and over.back_off.times >= MOST_TIMES and (reason := _will_not_mend(over)):
            (job_id, epoch), (code, message) = over.run.key, reason
            fail_job(self._database, job_id, epoch=epoch, now=self._clock(), code=code, message=message)
            log.error("job %s: failed, %s", job_id, code, extra=over.run.about)
            over.lose()


def _will_not_mend(over: Over) -> tuple[str, str] | None:
    """Return code and message of a failure that the next run would meet as well, None of one that may pass."""
    if isinstance(over.error, StoreError):
        return None if over.run.is_loaded else (over.error.code, UNREADABLE)
    if over.error is None or isinstance(over.error, GepaNextError):
        return None
    return "internal_error", FAULT.format(over.run.claim.job_id)
