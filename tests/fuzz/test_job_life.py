"""Whatever is done to jobs, in any order: events without gaps, an end that all agree on, and no money counted down."""

import json
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from gepa_next.models import Job, StoredEvent
from gepa_next.store.events import list_events
from gepa_next.store.evidence import list_usage
from gepa_next.store.housekeeping import check_file, prune_jobs
from gepa_next.store.jobs import find_job
from tests.fuzz.amounts import some
from tests.fuzz.worker import drain, kill, start_worker
from tests.runner.running import come_true
from tests.support.service import SMALL_JOB, Service, open_service

FEW_LIVES, STEPS = 6, 12
AFTER_ALL = 2.0**40
TERMINAL = {"finished", "failed", "cancelled"}


class JobLife(RuleBasedStateMachine):
    """Does to jobs what users, crashes and operators do."""

    jobs = Bundle("jobs")

    @initialize(target=jobs)
    def open(self) -> str:
        """Begin with a job, for most of what can be done needs one."""
        self.folder = tempfile.TemporaryDirectory()
        self.service: Service = open_service(Path(self.folder.name))
        self.client = self.service.client()
        self.worker = None
        self.spent: dict[str, dict[str, tuple[int, ...]]] = {}
        return self.create(iterations=3, population=2, seed=1)

    def teardown(self) -> None:
        if not hasattr(self, "service"):
            return
        if self.worker is not None:
            kill(self.worker)
        assert check_file(self.service.database) == []
        self.service.close()
        self.folder.cleanup()

    @rule(target=jobs, iterations=st.integers(1, 4), population=st.integers(1, 3), seed=st.integers(0, 3))
    def create_one(self, iterations: int, population: int, seed: int) -> str:
        return self.create(iterations=iterations, population=population, seed=seed)

    def create(self, *, iterations: int, population: int, seed: int) -> str:
        job_id = self.service.create(**{**SMALL_JOB, "iterations": iterations, "population": population, "seed": seed})
        self.spent[job_id] = {}
        return job_id

    @precondition(lambda self: self.worker is None)
    @rule()
    def start_runner(self) -> None:
        self.worker = start_worker(Path(self.folder.name))

    @precondition(lambda self: self.worker is not None)
    @rule(job=jobs, events=st.integers(1, 12))
    def kill_runner(self, job: str, events: int) -> None:
        """Kill it once the job has so many events more, or has ended."""
        self._until(job, events)
        kill(self.worker)
        self.worker = None

    @precondition(lambda self: self.worker is not None)
    @rule(job=jobs, events=st.integers(0, 6))
    def restart_runner(self, job: str, events: int) -> None:
        self._until(job, events)
        drain(self.worker)
        self.worker = start_worker(Path(self.folder.name))

    @precondition(lambda self: self.worker is not None)
    @rule(job=jobs)
    def let_it_end(self, job: str) -> None:
        self._until(job, 1_000_000)

    @rule(job=jobs)
    def cancel(self, job: str) -> None:
        self._asked("DELETE", job, refused={409})

    @rule(job=jobs)
    def stop(self, job: str) -> None:
        self._asked("POST", job, "/stop", refused={409})

    @rule(job=jobs, iterations=st.integers(1, 6))
    def resume(self, job: str, iterations: int) -> None:
        self._asked("POST", job, "/resume", json={"iterations": iterations}, refused={409, 422})

    @rule()
    def prune(self) -> None:
        prune_jobs(self.service.database, before=AFTER_ALL)
        self.spent = {job: spent for job, spent in self.spent.items() if find_job(self.service.database, job)}

    @invariant()
    def all_is_well(self) -> None:
        for job_id in getattr(self, "spent", {}):
            job, events = self._look(job_id)
            assert [each.id for each in events] == list(range(1, job.last_event_id + 1))
            assert len({each.sequence for each in events}) == len(events)
            last = events[-1].type if events else ""
            assert last == job.status if job.status.terminal else last not in TERMINAL or job.status == "queued"
            assert all(json.loads(each.data) is not None for each in events)
            self._count_money(job_id)

    def _count_money(self, job_id: str) -> None:
        before = self.spent[job_id]
        for each in list_usage(self.service.database, job_id):
            now = (each.calls, each.input_tokens, each.output_tokens)
            assert all(a <= b for a, b in zip(before.get(each.role, (0, 0, 0)), now, strict=True)), (before, now)
            before[each.role] = now

    def _look(self, job_id: str) -> tuple[Job, list[StoredEvent]]:
        """Return the job and its events as of one moment: a runner may be at work."""
        while True:
            job = find_job(self.service.database, job_id)
            assert job is not None
            events = list_events(self.service.database, job_id, after=0, limit=100_000)
            if find_job(self.service.database, job_id) == job:
                return job, events

    def _until(self, job_id: str, events: int) -> None:
        database = self.service.database
        job = find_job(database, job_id)
        seen = job.last_event_id if job else 0

        def is_so() -> bool:
            now = find_job(database, job_id)
            return now is None or now.status.terminal or now.last_event_id >= seen + events

        come_true(is_so)

    def _asked(self, method: str, job: str, path: str = "", *, refused: set[int], **body: object) -> None:
        answer = self.client.open(f"/v1/optimize/{job}{path}", method=method, **body)
        gone = {404} if job not in self.spent else set()
        assert answer.status_code in (gone or {200, 202} | refused), answer.text


JobLife.TestCase.settings = some(FEW_LIVES, share=0.1, stateful_step_count=STEPS)
TestJobLife = JobLife.TestCase
