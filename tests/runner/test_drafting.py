"""The call that drafts examples is a call like any other: a drain waits for it, and a cancelled job does not."""

import threading

from gepa_next.gepa.splits import default_sizes
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobStatus
from gepa_next.runner.ledger import RoleModel
from gepa_next.runner.runner import Runner
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job
from gepa_next.store.ledger import iterate_calls
from gepa_next.store.requests import cancel_job
from tests.runner.running import TIMEOUT_S, running, wait_for
from tests.store.jobs_on_file import insert

A_WHILE_S = 0.3


def test_a_drain_waits_for_it(database: Database) -> None:
    asked, drained = threading.Event(), threading.Event()

    def answer_late(call: ModelCall) -> Completion:
        asked.set()
        assert not drained.wait(A_WHILE_S), "the runner left while it waited"
        return Simulator()(call)

    insert(database, examples=(), split=default_sizes(0))
    models = {role: RoleModel(model_id=f"sim/{role}", ask=answer_late) for role in Role}
    runner = Runner(database, lambda *_: models, concurrent_jobs=1, concurrent_calls=1)
    runner.start()
    assert asked.wait(TIMEOUT_S)
    runner.drain(TIMEOUT_S)
    drained.set()
    assert [call.status for call in iterate_calls(database, "job-1")] == ["done"]


def test_a_cancelled_job_does_not_wait_for_it(database: Database) -> None:
    hanging, hang_up = threading.Event(), threading.Event()
    told: list[bool] = []

    def hang(call: ModelCall) -> Completion:
        hanging.set()
        told.append(hang_up.wait(TIMEOUT_S))
        return Simulator()(call)

    insert(database, examples=(), split=default_sizes(0))
    with running(database, hang) as runner:
        assert hanging.wait(TIMEOUT_S)
        cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
        wait_for(database, lambda: not runner._held.running)
        hang_up.set()
    assert told == [True], "the job waited until the call gave up"
    assert get_job(database, "job-1").status is JobStatus.CANCELLED
