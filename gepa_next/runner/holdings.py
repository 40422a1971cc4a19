"""Holdings: the jobs that a runner has in its hands, from their claim until nothing of their run is left."""

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from gepa_next.runner.back_off import BackOff
from gepa_next.runner.job_run import JobRun

LONGEST_CALL_S = 130.0

Key = tuple[str, int]  # job and epoch: a job may come back while it ends


@dataclass(slots=True, eq=False)
class Over:
    """A run that is over; its calls may hang on, and its job may still be this runner's."""

    run: JobRun
    error: BaseException | None  # what it broke off with
    back_off: BackOff  # of the job, whatever the run
    calls_until: float
    is_broken: bool = False
    putting_away: BackOff = field(default_factory=BackOff)  # of what is tried once it is over: no failure of the job

    def break_off(self) -> None:
        """Leave the job alone for a while: it is still ours, and goes back into the queue then."""
        self.is_broken = True
        self.back_off.begin()

    def lose(self) -> None:
        """Note that the job is not ours any more: its failures so far do not count."""
        self.is_broken = False

    @property
    def awaits_calls(self) -> bool:
        """Whether the answers of calls in flight are still waited for."""
        return bool(self.run.calls_under_way) and time.monotonic() < self.calls_until


class Holdings:
    """What one runner holds; for any thread. The calls of a run that is over are waited for as long as one may take."""

    def __init__(self, *, longest_call_s: float = LONGEST_CALL_S) -> None:
        self._longest_call_s = longest_call_s
        self._lock = threading.Lock()
        self._running: dict[Key, JobRun] = {}
        self._over: list[Over] = []
        self._back_offs: dict[str, BackOff] = {}  # by job
        self._lets_go = False

    @property
    def running(self) -> list[JobRun]:
        """The runs that are not over."""
        with self._lock:
            return list(self._running.values())

    @property
    def jobs(self) -> int:
        """How many jobs are this runner's, those that broke off included."""
        with self._lock:
            return len(self._running) + sum(each.is_broken for each in self._over)

    @property
    def over(self) -> list[Over]:
        """The runs that are over, but not forgotten."""
        with self._lock:
            return list(self._over)

    @property
    def awaited(self) -> set[str]:
        """The jobs with calls under way: what is paid for is not bought again by a next run."""
        over = (each.run for each in self.over if each.awaits_calls)
        return {run.claim.job_id for run in (*over, *self.running) if run.calls_under_way}

    def begin(self, run: JobRun) -> None:
        """Hold a job that was claimed."""
        with self._lock:
            self._running[run.key] = run
            if self._lets_go:
                run.let_go.set()

    def end(self, run: JobRun, error: BaseException | None) -> None:
        """Note that a run is over, and what it broke off with; failures count as one row until it has got on."""
        with self._lock:
            back_off = self._back_offs.setdefault(run.claim.job_id, BackOff())
            if run.got_on:
                back_off.reset()
            over = Over(run, error, back_off, time.monotonic() + self._longest_call_s)
            if error is not None:
                over.break_off()
            self._over.append(over)
            del self._running[run.key]

    def forget(self, over: Over) -> None:
        """Hold nothing of the run any more."""
        with self._lock:
            self._over.remove(over)
            if not over.is_broken:
                self._back_offs.pop(over.run.claim.job_id, None)

    def let_go(self, lost: Collection[Key]) -> None:
        """Have the runs of these end, as far as there are any."""
        with self._lock:
            for key in lost:
                if key in self._running:
                    self._running[key].let_go.set()

    def let_go_of_all(self) -> None:
        """Have every run end, also those that have yet to begin."""
        with self._lock:
            self._lets_go = True
            for run in self._running.values():
                run.let_go.set()
