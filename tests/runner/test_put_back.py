import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gepa_next.errors import Interrupted, StoreError
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobStatus
from gepa_next.runner import job_run
from gepa_next.runner.job_run import JobRun
from gepa_next.runner.ledger import RoleModel
from gepa_next.runner.tenure import Tenure
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner, release_job
from gepa_next.store.ledger import iterate_calls
from tests.store.jobs_on_file import insert

TIMEOUT_S = 30
ONE = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")


def test_a_job_goes_back_into_the_queue_when_its_calls_are_in(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call finds the store broken while another is in flight."""
    slow_one_is_sent, answered = threading.Event(), threading.Event()
    came_in_before: list[bool] = []

    def release(*arguments: object, **options: object) -> None:
        came_in_before.append(answered.is_set())
        release_job(*arguments, **options)

    def models_for(_job: str, _spec: object, tenure: Tenure, _say: object) -> dict[Role, RoleModel]:
        calls: list[str] = []

        def ask(call: ModelCall) -> Completion:
            calls.append(call.key)
            if len(calls) == 1:
                return Simulator()(call)  # the first rollout is made alone
            if len(calls) == 2:
                slow_one_is_sent.wait(TIMEOUT_S)
                raise StoreError("store_unavailable", "broken")
            slow_one_is_sent.set()
            with pytest.raises(Interrupted):
                tenure.wait(TIMEOUT_S)  # until the job is given up
            answered.set()
            return Simulator()(call)

        return {role: RoleModel(model_id="m", ask=ask) for role in Role}

    monkeypatch.setattr(job_run, "release_job", release)
    insert(database, metric="exact_match")
    register_runner(database, ONE, now=1.0, monotonic=0.0)
    claim = claim_job(database, ONE, now=1.0)
    assert claim is not None
    with ThreadPoolExecutor(2) as pool:
        JobRun(database=database, claim=claim, pool=pool, models_for=models_for, clock=lambda: 1.0)()
    assert (came_in_before, get_job(database, "job-1").status) == ([True], JobStatus.QUEUED)
    assert "done" in {call.status for call in iterate_calls(database, "job-1")}
