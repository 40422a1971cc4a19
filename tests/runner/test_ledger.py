import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from gepa_next.errors import Interrupted, ModelError, ProviderError, StoreError
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.types import CallUsage, Completion, ModelCall, Role
from gepa_next.runner.ledger import LedgerModel, RoleModel
from gepa_next.runner.tenure import Tenure
from gepa_next.store.database import Database
from gepa_next.store.evidence import list_usage
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner
from gepa_next.store.ledger import Holder, iterate_calls
from tests.store.jobs_on_file import insert

CALL = ModelCall(role=Role.TARGET, key="k", messages=())
REFUSAL = ProviderError("provider_quota", "no money", sends=2, input_tokens=5, output_tokens=1, cost_usd=0.5)
USAGE = CallUsage(sends=1, input_tokens=10, output_tokens=3, cost_usd=0.25)
BOTH = CallUsage(sends=3, input_tokens=15, output_tokens=4, cost_usd=0.75)


@pytest.fixture
def tenure(database: Database) -> Tenure:
    insert(database)
    one = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")
    register_runner(database, one, now=1.0, monotonic=0.0)
    claim = claim_job(database, one, now=1.0)
    assert claim is not None
    return Tenure(database, Holder(job_id=claim.job_id, epoch=claim.epoch), threading.Event())


def ledger(tenure: Tenure, ask: LanguageModel, *, is_free: bool = False) -> LedgerModel:
    models = {role: RoleModel(model_id="m", ask=ask, is_free=is_free) for role in Role}
    return LedgerModel(tenure, models, clock=lambda: 1.0, brake=lambda: None)


def raising(error: Exception) -> LanguageModel:
    def ask(_: ModelCall) -> Completion:
        raise error

    return ask


def spent_on(model: LedgerModel) -> CallUsage:
    """Return what the engine is told that the call consumed, answered or not."""
    try:
        return model(CALL).usage
    except ModelError as error:
        return CallUsage(
            sends=error.sends,
            input_tokens=error.input_tokens,
            output_tokens=error.output_tokens,
            cost_usd=error.cost_usd,
            doubtful=error.doubtful,
        )


@pytest.mark.parametrize(
    "ask",
    [
        lambda _: Completion(text="yes", usage=USAGE),
        raising(ModelError("timeout", "late", sends=1, input_tokens=10, output_tokens=3, cost_usd=0.25)),
    ],
    ids=["answered", "failed"],
)
def test_the_engine_is_told_of_refused_attempts_as_a_replay_would_tell_it(tenure: Tenure, ask: LanguageModel) -> None:
    with pytest.raises(ProviderError):
        ledger(tenure, raising(REFUSAL))(CALL)
    live = spent_on(ledger(tenure, ask))
    replayed = spent_on(ledger(tenure, raising(ZeroDivisionError())))
    assert (live, replayed) == (BOTH, BOTH)


@pytest.mark.parametrize("is_free", [False, True])
def test_the_engine_is_told_of_lost_attempts_as_a_replay_would_tell_it(
    database: Database, tenure: Tenure, *, is_free: bool
) -> None:
    with pytest.raises(ZeroDivisionError):
        ledger(tenure, raising(ZeroDivisionError()), is_free=is_free)(CALL)  # as a crash: that leaves no outcome either
    live = spent_on(ledger(tenure, lambda _: Completion(text="yes", usage=USAGE), is_free=is_free))
    replayed = spent_on(ledger(tenure, raising(ZeroDivisionError()), is_free=is_free))
    assert live == replayed == replace(USAGE, doubtful=int(not is_free))
    assert [call.lost for call in iterate_calls(database, "job-1")] == [1]
    (usage,) = list_usage(database, "job-1")
    assert usage.cost_usd == (USAGE.cost_usd if is_free else None)


@contextmanager
def full(database: Database) -> Iterator[None]:
    """Let the file grow no more for a while."""

    def pages(db: object) -> int:
        return int(db.execute("PRAGMA page_count").fetchone()[0])

    database._writer._connection.execute(f"PRAGMA max_page_count = {pages(database._writer._connection)}")
    try:
        yield
    finally:
        database._writer._connection.execute("PRAGMA max_page_count = 1000000")


def long_answer(_: ModelCall) -> Completion:
    return Completion(text="y" * 100_000, usage=USAGE)


def test_an_answer_that_cannot_be_written_is_kept_until_it_can(database: Database, tenure: Tenure) -> None:
    model = ledger(tenure, long_answer)
    with full(database):
        model(CALL)
        with pytest.raises(StoreError):
            model.settle()
    model.settle()
    assert [call.status for call in iterate_calls(database, "job-1")] == ["done"]


def test_an_answer_to_a_job_let_go_of_is_written_all_the_same(database: Database, tenure: Tenure) -> None:
    def answer_late(call: ModelCall) -> Completion:
        tenure.let_go.set()
        return long_answer(call)

    with full(database):
        ledger(tenure, answer_late)(CALL)
        with pytest.raises(StoreError):
            database.flush()
    database.flush()
    assert [call.status for call in iterate_calls(database, "job-1")] == ["done"]


def test_nothing_is_begun_before_an_answer_that_cannot_be_written(database: Database, tenure: Tenure) -> None:
    model = ledger(tenure, long_answer)
    with full(database):
        model(CALL)
        with pytest.raises(StoreError):
            model(ModelCall(role=Role.TARGET, key="next", messages=()))
    database.flush()
    assert [call.key for call in iterate_calls(database, "job-1")] == ["k"]


def test_a_call_given_up_sends_nothing_more(tenure: Tenure) -> None:
    model = ledger(tenure, raising(ZeroDivisionError()))
    model.give_up()
    with pytest.raises(Interrupted):
        model(CALL)
    assert model.calls_under_way == 0
