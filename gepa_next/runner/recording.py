"""The steps of a run on their way into the store, with what a page shows of time and money."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gepa_next.gepa.spending import cost_usd, sends
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Step
from gepa_next.models import Job
from gepa_next.store.database import Database
from gepa_next.store.pending import Pending
from gepa_next.store.runs import Progress, record_step


@dataclass(slots=True)
class Recording:
    """Records the steps of one run, in their order, under its epoch; `got_on` once one is new to the store."""

    database: Database
    job: Job
    epoch: int
    state: State
    clock: Callable[[], float]
    got_on: bool = False
    _queued: deque[Pending[bool]] = field(default_factory=deque)

    def __call__(self, step: Step) -> None:
        """Queue the step: the engine goes on, and its next call is not sent before the step is committed.

        Interrupted if the job is not this run's any more.
        """
        now = self.clock()
        pending = record_step(
            self.database,
            self.job.id,
            epoch=self.epoch,
            step=replace(step, data={**step.data, **self._so_far(now)}),
            progress=_progress(self.state),
            now=now,
            after=self._queued[-1] if self._queued else None,
        )
        self._queued.append(pending)
        while len(self._queued) > 1 and self._queued[0].settled:
            self.got_on |= self._queued.popleft().result()

    def settle(self) -> None:
        """See that all steps so far are committed; Interrupted if the job is not this run's any more."""
        while self._queued:
            self.got_on |= self._queued.popleft().result()

    def _so_far(self, now: float) -> dict[str, object]:
        """Return time and money so far; the estimate scales the rollouts made to all that may be made."""
        state, spec, elapsed = self.state, self.job.spec, elapsed_s(self.job, now)
        share = max(state.iteration / spec.iterations, state.rollouts_used / spec.budget.max_rollouts)
        return {
            "elapsed_s": round(elapsed, 3),
            "eta_s": round(elapsed * (1 - share) / share, 1) if state.iteration and share else None,
            "calls": sends(state.spending),
            "cost_usd": cost_usd(state.spending),
        }


def elapsed_s(job: Job, now: float) -> float:
    """Return how long the job has been going, without the time that it waited for a runner."""
    return now - (job.started_at or job.created_at) - job.paused_s


def _progress(state: State) -> Progress:
    return Progress(
        iteration=state.iteration,
        rollouts=state.rollouts_used,
        seed_score=state.frontier.mean(0),
        best_score=state.leader_score,
        best_candidate_id=state.frontier.leader(),
    )
