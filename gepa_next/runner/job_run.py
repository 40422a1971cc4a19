"""One job, from its claim to its terminal event."""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import count
from threading import Event

from gepa_next.elsewhere import Elsewhere
from gepa_next.errors import DamagedError, GepaNextError, Interrupted, RefusedError, StoreError, UnavailableError
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.ports import Metric
from gepa_next.gepa.run import Run, standing_of
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Step
from gepa_next.gepa.types import Role
from gepa_next.logs import begin
from gepa_next.metrics import find_other_scoring, scoring_of
from gepa_next.metrics.remote import RemoteMetric
from gepa_next.models import Job, JobSpec, Waiting
from gepa_next.runner.asking import Asking
from gepa_next.runner.fan_out import PooledFanOut
from gepa_next.runner.findings import findings
from gepa_next.runner.ledger import LedgerModel, RoleModel
from gepa_next.runner.recording import Recording, elapsed_s
from gepa_next.runner.refusals import UntilRefused
from gepa_next.runner.tenure import Tenure
from gepa_next.store.database import Database
from gepa_next.store.endings import fail_job, finish_job
from gepa_next.store.jobs import get_job, stop_requested
from gepa_next.store.leases import Claim
from gepa_next.store.ledger import Holder, decide_once
from gepa_next.store.runs import record_waiting
from gepa_next.store.states import load_state

log = logging.getLogger(__name__)

RETRY_STORE_S = 1.0

Models = Mapping[Role, RoleModel]
SayWaiting = Callable[[Waiting], None]
ModelsFor = Callable[[str, JobSpec, Tenure, SayWaiting], Models]


@dataclass(slots=True)
class JobRun:
    """A claimed job in this process; set `let_go` and it stops at the next call."""

    database: Database
    claim: Claim
    pool: Executor
    models_for: ModelsFor
    clock: Callable[[], float]
    brake: Callable[[], str | None] = lambda: None
    asking: Asking = field(default_factory=Asking)
    elsewhere: Elsewhere | None = None  # where metrics are computed, if not here
    let_go: Event = field(default_factory=Event)
    is_loaded: bool = False
    _waits: Iterator[int] = field(default_factory=lambda: count(1))
    _ledger: LedgerModel | None = None
    _recording: Recording | None = None

    def __call__(self) -> None:
        """Carry the job out; every ending but a lost lease is committed.

        StoreError or UnavailableError if the store breaks under it: the job is not at fault, and still ours.
        """
        if self.let_go.is_set():  # it comes too late
            return
        begin(**self.about)
        try:
            self._run_or_fail()
        except Interrupted:
            log.info("job %s: let go", self.claim.job_id)
        finally:
            self._give_up()  # its calls may hang on, and nobody is to wait for their answers

    def _run_or_fail(self) -> None:
        job_id = self.claim.job_id
        try:
            self._run()
        except DamagedError as error:  # it would meet the same again
            log.error("job %s: %s", job_id, error.message)  # noqa: TRY400 - no bug of ours
            self._fail(error.code, error.message)
        except (Interrupted, StoreError, UnavailableError):
            raise
        except GepaNextError as error:
            self._fail(error.code, error.message)
        except Exception:
            log.exception("job %s: failed", job_id)
            self._fail("internal_error", f"an error in the service; its log says more under job {job_id}")

    @property
    def key(self) -> tuple[str, int]:
        """What tells this run from every other."""
        return self.claim.job_id, self.claim.epoch

    @property
    def about(self) -> dict[str, str]:
        """What every line of the log about this run says."""
        return {"job_id": self.claim.job_id, "request_id": self.claim.request_id}

    @property
    def got_on(self) -> bool:
        """Whether it has recorded a step that no run before it had."""
        return self._recording is not None and self._recording.got_on

    @property
    def calls_under_way(self) -> int:
        """How many calls have no outcome yet; some may hang on when the job is over."""
        return self._ledger.calls_under_way if self._ledger is not None else 0

    def _give_up(self) -> None:
        if self._ledger is not None:
            self._ledger.give_up()

    def _insist(self, write: Callable[[], None]) -> None:
        """Write, again and again while the store cannot be written, unless the runner lets go of the job."""
        while True:
            try:
                return write()
            except (StoreError, UnavailableError):
                if self.let_go.wait(RETRY_STORE_S):
                    return None

    def _run(self) -> None:
        job = get_job(self.database, self.claim.job_id)
        holder = Holder(job_id=job.id, epoch=self.claim.epoch)
        tenure = Tenure(self.database, holder, self.let_go)
        models = self.models_for(job.id, job.spec, tenure, self._say_waiting)
        if (problem := find_other_scoring(job, models[Role.JUDGE].model_id)) is not None:
            raise RefusedError("judge_changed", problem)
        state, scoring = load_state(self.database, job), scoring_of(job.spec.metric)
        self.is_loaded = True
        self._ledger = ledger = LedgerModel(
            tenure,
            models,
            clock=self.clock,
            brake=self.brake,
            asking=self.asking,
            shared_by=job.token_id if job.spec.cache else None,
        )
        run = Run(
            state=state,
            model=UntilRefused(ledger, tell=tenure.refuse),
            fan_out=PooledFanOut(self.pool, let_go=self.let_go),
            control=lambda point, reason=None: self._control(holder, job, point, reason),
            metric=self._metric(scoring.metric),
            judge_weight=scoring.judge_weight,
            program_weight=scoring.program_weight,
        )
        self._recording = record = Recording(self.database, job, self.claim.epoch, state, self.clock)
        for step in optimize(run):
            if step.stage == "finished":
                ledger.settle()
                record.settle()
                self._finish(step, job, state)
            else:
                record(step)

    def _metric(self, chosen: Metric | None) -> Metric | None:
        return RemoteMetric(chosen, self.elsewhere) if chosen and self.elsewhere else chosen

    def _finish(self, step: Step, job: Job, state: State) -> None:
        found = findings(self.database, job, state)
        finished = finish_job(
            self.database,
            job.id,
            epoch=self.claim.epoch,
            now=self.clock(),
            result={
                **step.data,
                **found,
                "simulated": job.simulated,
                "artifacts": f"/v1/optimize/{job.id}/artifacts",
            },
            standing=standing_of(state),
        )
        if finished:
            log.info("job %s: finished", job.id)

    def _say_waiting(self, waiting: Waiting) -> None:
        """Commit that no call can be sent just now; the next event says that it has passed."""
        job_id, epoch = self.claim.job_id, self.claim.epoch
        log.warning("job %s: %s", job_id, _worded(waiting), extra={"job_id": job_id, "epoch": epoch})
        record_waiting(self.database, job_id, epoch=epoch, nth=next(self._waits), waiting=waiting, now=self.clock())

    def _control(self, holder: Holder, job: Job, point: str, reason: str | None) -> str | None:
        limit = job.spec.budget.max_seconds
        if limit is not None and elapsed_s(job, self.clock()) >= limit:
            reason = "max_seconds"
        if stop_requested(self.database, job.id):
            reason = "stopped"
        return decide_once(self.database, holder, point, reason)

    def _fail(self, code: str, message: str) -> None:
        """Commit the failure, after the steps before it."""
        try:
            if self._recording is not None:
                self._recording.settle()
        except GepaNextError:
            raise  # a next run records them, and fails like this one
        except Exception:
            log.exception("job %s: its last steps cannot be recorded", self.claim.job_id)
        self._insist(lambda: self._fail_now(code, message))

    def _fail_now(self, code: str, message: str) -> None:
        job_id, epoch = self.key
        if fail_job(self.database, job_id, epoch=epoch, now=self.clock(), code=code, message=message):
            log.warning("job %s: failed, %s", job_id, code)  # a provider's message may quote the prompt


def _worded(waiting: Waiting) -> str:
    """Say in a line what the job waits for."""
    why = f" ({waiting.error})" if waiting.error else ""
    limit = "" if waiting.patience_s is None else f"; it fails if that lasts {waiting.patience_s:.0f} s more"
    return f"waiting, {waiting.reason}: {', '.join(waiting.roles)} at {waiting.endpoint}{why}{limit}"
