import threading

import pytest

from gepa_next.errors import Interrupted, ProviderError
from gepa_next.runner.tenure import CANCEL_S, PROOF_S, Tenure
from gepa_next.store.database import Database
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner, retire_runner
from gepa_next.store.ledger import Holder
from tests.store.jobs_on_file import insert

ONE = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tenure(database: Database, clock: Clock) -> Tenure:
    insert(database)
    register_runner(database, ONE, now=1.0, monotonic=0.0)
    claim = claim_job(database, ONE, now=1.0)
    assert claim is not None
    held = Tenure(database, Holder(job_id="job-1", epoch=claim.epoch), threading.Event(), clock)
    held.prove(0.0)
    return held


def test_a_holder_may_send(tenure: Tenure, clock: Clock) -> None:
    for clock.now in (0.0, PROOF_S, 10 * PROOF_S):
        tenure.permit()


def test_who_wakes_up_robbed_may_not_send(database: Database, tenure: Tenure, clock: Clock) -> None:
    retire_runner(database, ONE.id)
    clock.now = PROOF_S + 0.1
    with pytest.raises(Interrupted):
        tenure.permit()


def test_a_fresh_proof_spares_the_look(database: Database, tenure: Tenure, clock: Clock) -> None:
    retire_runner(database, ONE.id)
    clock.now = PROOF_S
    tenure.permit()


def test_no_proof_is_so_old_that_a_cancelled_job_is_paid_for_longer_than_is_promised() -> None:
    assert PROOF_S < CANCEL_S


def test_a_job_let_go_of_may_not_send_and_does_not_wait(tenure: Tenure) -> None:
    tenure.let_go.set()
    for ask in (tenure.permit, lambda: tenure.wait(60)):
        with pytest.raises(Interrupted):
            ask()


def test_for_a_refused_job_nothing_is_sent_but_it_is_not_let_go(tenure: Tenure) -> None:
    tenure.refuse(ProviderError("provider_auth", "Put the key right.", sends=3, cost_usd=None))
    for ask in (tenure.permit, lambda: tenure.wait(60)):
        with pytest.raises(ProviderError, match="Put the key right") as caught:
            ask()
        assert (caught.value.code, caught.value.sends, caught.value.cost_usd) == ("provider_auth", 0, 0.0)
    assert not tenure.is_over()
