"""Holdings: the jobs that a runner has in its hands, from their claim until nothing of their run is left."""

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

from gepa_next.runner.job_run import JobRun

Key = tuple[str, int]  # job and epoch: a job may come back while it ends


@dataclass(slots=True, eq=False)
class Over:
    """A run that is over; its calls may hang on, and its job may still be this runner's."""

    run: JobRun
    calls_until: float
    back_at: float | None = None  # when the job goes back into the queue, if it broke off

    @property
    def awaits_calls(self) -> bool:
        """Whether the answers of calls in flight are still waited for."""
        return bool(self.run.calls_under_way) and time.monotonic() < self.calls_until


class Holdings:
    """What one runner holds; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Key, JobRun] = {}
        self._over: list[Over] = []
        self._lets_go = False

    @property
    def running(self) -> list[JobRun]:
        """The runs that are not over."""
        with self._lock:
            return list(self._running.values())

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

    def end(self, over: Over) -> None:
        """Note that a run is over."""
        with self._lock:
            del self._running[over.run.key]
            self._over.append(over)

    def forget(self, over: Over) -> None:
        """Hold nothing of the run any more."""
        with self._lock:
            self._over.remove(over)

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
