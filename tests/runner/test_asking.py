"""Who waits for the answer of another waits no longer than there is one to come."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.types import Completion, ModelCall
from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobStatus
from gepa_next.runner.asking import Asking
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job
from gepa_next.store.requests import cancel_job
from tests.runner.running import TIMEOUT_S, running, wait_for
from tests.store.jobs_on_file import insert


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_the_hanging_call_of_a_cancelled_job_holds_up_no_other_job(database: Database) -> None:
    hanging, hang_up = threading.Event(), threading.Event()
    first, told = threading.Lock(), []

    def hang_once(call: ModelCall) -> Completion:
        if first.acquire(blocking=False):
            hanging.set()
            told.append(hang_up.wait(TIMEOUT_S))
        return Simulator()(call)

    insert(database, "cancelled", cache=True, temperature=0.0)
    with running(database, hang_once):
        assert hanging.wait(TIMEOUT_S)
        insert(database, "other", cache=True, temperature=0.0, iterations=1)
        cancel_job(database, "cancelled", token_id="token", now=2.0)  # noqa: S106 - an id
        wait_for(database, lambda: get_job(database, "other").status.terminal)
        hang_up.set()
    assert get_job(database, "other").status is JobStatus.FINISHED
    assert set(told) == {True}, "it waited until the call gave up"


def test_the_hanging_calls_of_a_failed_job_hold_up_no_other_job(database: Database) -> None:
    hanging, hang_up = threading.Event(), threading.Event()
    sent, told = [], []

    def refuse_the_second_and_hang(call: ModelCall) -> Completion:
        sent.append(call.key)
        if call.key == sent[0] or get_job(database, "failed").status.terminal:
            return Simulator()(call)
        if call.key == sent[1]:
            assert hanging.wait(TIMEOUT_S)
            raise ProviderError("provider_auth", "the key is not accepted")
        hanging.set()
        told.append(hang_up.wait(TIMEOUT_S))
        return Simulator()(call)

    insert(database, "failed", cache=True, temperature=0.0, metric="exact_match")
    with running(database, refuse_the_second_and_hang):
        wait_for(database, lambda: get_job(database, "failed").status is JobStatus.FAILED)
        insert(database, "other", cache=True, temperature=0.0, metric="exact_match", iterations=1)
        wait_for(database, lambda: get_job(database, "other").status.terminal)
        hang_up.set()
    assert get_job(database, "other").status is JobStatus.FINISHED
    assert set(told) == {True}, "it waited until the call gave up"


def test_after_an_asking_that_failed_all_that_waited_ask_at_once(pool: ThreadPoolExecutor) -> None:
    asking, together = Asking(), threading.Barrier(2)
    waits = [threading.Event() for _ in range(2)]

    def ask(wait: threading.Event) -> None:
        with asking.alone("q", permit=wait.set):
            together.wait(TIMEOUT_S)

    def fail_when_others_wait() -> None:
        with asking.alone("q", permit=lambda: None):
            waiting.extend(pool.submit(ask, wait) for wait in waits)
            assert all(wait.wait(TIMEOUT_S) for wait in waits)
            raise ModelError("timeout", "late")

    waiting: list[Future[None]] = []
    with pytest.raises(ModelError):
        fail_when_others_wait()
    assert [each.result(TIMEOUT_S) for each in waiting] == [None, None]
