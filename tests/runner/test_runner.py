import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from gepa_next.app import create_runner
from gepa_next.errors import Interrupted, ModelError, ProviderError, StoreError, UnavailableError
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobStatus
from gepa_next.runner import back_off, job_run
from gepa_next.runner.ledger import LedgerModel, RoleModel
from gepa_next.runner.runner import LOOK_S, Runner
from gepa_next.runner.tenure import CANCEL_S, Tenure
from gepa_next.store.counters import list_counters
from gepa_next.store.database import Database
from gepa_next.store.endings import fail_job
from gepa_next.store.events import list_events
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts, list_usage
from gepa_next.store.gate import Gate
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner, retire_runner
from gepa_next.store.ledger import Holder, iterate_calls
from gepa_next.store.requests import Resumption, cancel_job, resume_job
from tests.runner.running import (
    TIMEOUT_S,
    come_true,
    ended,
    refuse_all_threads,
    refuse_threads,
    running,
    turns,
    wait_for,
)
from tests.store.jobs_on_file import insert, job_spec
from tests.support.service import settings_for

ONE = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")


class Counting:
    """The simulator, counting how often each call is sent; `after` calls it does something."""

    def __init__(self, *, after: int = 10**9, then: Callable[[], None] = lambda: None) -> None:
        self.sent: list[str] = []
        self._after, self._then = after, then
        self._simulator = Simulator()

    def __call__(self, call: ModelCall) -> Completion:
        self.sent.append(call.key)
        if len(self.sent) == self._after:
            self._then()
        return self._simulator(call)


def test_a_job_is_run_to_its_end(database: Database) -> None:
    insert(database)
    with running(database, Simulator()):
        job = ended(database)
    assert (job.status, job.stop_reason, job.iteration) == (JobStatus.FINISHED, "iterations", 3)
    assert job.result is not None
    assert job.result["prompt"] != "Extract the order."


def test_events_are_gap_free_and_end_with_the_terminal_one(database: Database) -> None:
    insert(database)
    with running(database, Simulator()):
        job = ended(database)
    events = list_events(database, "job-1", after=0, limit=10_000)
    assert [event.id for event in events] == list(range(1, job.last_event_id + 1))
    assert (events[0].type, events[-1].type) == ("started", "finished")


def test_a_drained_job_ends_where_an_undisturbed_one_does_and_pays_for_nothing_twice(database: Database) -> None:
    insert(database, "undisturbed")
    with running(database, Counting()):
        ended(database, "undisturbed")
    insert(database, "disturbed")
    stop = threading.Event()
    first = Counting(after=60, then=stop.set)
    with running(database, first):
        assert stop.wait(TIMEOUT_S)
    second = Counting()
    with running(database, second):
        job = ended(database, "disturbed")
    assert job.status is JobStatus.FINISHED
    assert list(iterate_candidates(database, "disturbed")) == list(iterate_candidates(database, "undisturbed"))
    assert sorted([*first.sent, *second.sent]) == sorted(call.key for call in iterate_calls(database, "undisturbed"))
    assert "resumed" in {event.type for event in list_events(database, "disturbed", after=0, limit=10_000)}


def test_a_job_cancelled_in_the_middle_and_resumed_ends_where_an_undisturbed_one_does(database: Database) -> None:
    insert(database, "undisturbed")
    with running(database, Counting()):
        ended(database, "undisturbed")
    insert(database, "disturbed")
    first = Counting(after=90, then=lambda: cancel_job(database, "disturbed", token_id="token", now=2.0))  # noqa: S106
    with running(database, first):
        ended(database, "disturbed")
    seen = get_job(database, "disturbed").last_event_id
    resume_job(database, Resumption(job_id="disturbed", spec=job_spec(), seen_event_id=seen), now=3.0)
    second = Counting()
    with running(database, second):
        wait_for(database, lambda: get_job(database, "disturbed").status is JobStatus.FINISHED)
    assert list(iterate_candidates(database, "disturbed")) == list(iterate_candidates(database, "undisturbed"))
    assert list(iterate_rollouts(database, "disturbed")) == list(iterate_rollouts(database, "undisturbed"))
    again = set(first.sent) & set(second.sent)
    assert not again


def test_a_cancelled_job_stops_although_its_calls_hang(database: Database) -> None:
    hanging, hang_up = threading.Event(), threading.Event()

    def hang(call: ModelCall) -> Completion:
        hanging.set()
        hang_up.wait(TIMEOUT_S)
        return Simulator()(call)

    insert(database)
    with running(database, hang) as runner:
        assert hanging.wait(TIMEOUT_S)
        cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
        wait_for(database, lambda: not runner._held.running)
        hang_up.set()
    assert get_job(database, "job-1").status is JobStatus.CANCELLED
    assert [event.type for event in list_events(database, "job-1", after=0, limit=99)][-1] == "cancelled"


def test_a_cancellation_takes_effect_within_two_seconds_though_a_call_hangs_and_another_process_writes_all_the_time(
    tmp_path: Path,
) -> None:
    """The runner waits for the write gate, as patiently as a worker does, when the job is cancelled."""
    hanging, hang_up = threading.Event(), threading.Event()

    def hang(call: ModelCall) -> Completion:
        hanging.set()
        hang_up.wait(TIMEOUT_S)
        return Simulator()(call)

    path = tmp_path / "test.sqlite3"
    with (
        closing(Database(path, gate_timeout_s=TIMEOUT_S)) as database,
        closing(Gate(path.with_name("test.sqlite3.lock"))) as gate,
    ):
        insert(database)
        with running(database, hang) as runner, closing(sqlite3.connect(path, isolation_level=None)) as other:
            assert hanging.wait(TIMEOUT_S)
            with gate(until=time.monotonic() + TIMEOUT_S):
                come_true(lambda: time.monotonic() > runner._next_beat + 2 * LOOK_S)
                other.execute("UPDATE jobs SET status = 'cancelled'")
                cancelled_at = time.monotonic()
                come_true(lambda: not runner._held.running)
                took_s = time.monotonic() - cancelled_at
            hang_up.set()
    assert took_s < CANCEL_S


def test_an_answer_is_recorded_while_other_calls_hang(database: Database) -> None:
    """The first of a wave is answered when all are sent: no intent comes after it. One rollout was made before."""
    all_sent, hang_up = threading.Event(), threading.Event()
    sent: list[str] = []

    def answer_one(call: ModelCall) -> Completion:
        sent.append(call.key)
        if len(sent) == 8:
            all_sent.set()
        if call.key != sent[0]:
            (all_sent if call.key == sent[1] else hang_up).wait(TIMEOUT_S)
        return Simulator()(call)

    insert(database, metric="exact_match")
    with running(database, answer_one):
        wait_for(database, lambda: [call.status for call in iterate_calls(database, "job-1")].count("done") == 2)
        hang_up.set()


def test_a_provider_that_refuses_ends_the_job_with_its_code(database: Database) -> None:
    def refuse(_: ModelCall) -> Completion:
        raise ProviderError("provider_auth", "the key is not accepted")

    insert(database)
    with running(database, refuse):
        job = ended(database)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "provider_auth")


def test_a_key_that_one_call_is_refused_with_is_not_sent_with_the_next(database: Database) -> None:
    insert(database, "undisturbed", iterations=1, population=8)
    with running(database, Simulator()):
        ended(database, "undisturbed")
    tried = {each.candidate_id for each in iterate_rollouts(database, "undisturbed")}
    _, second, *others = (f"target/{candidate_id}/" for candidate_id in sorted(tried - {0}))
    refused, hang_up = threading.Event(), threading.Event()
    sent: set[str] = set()

    def refuse_the_second(call: ModelCall) -> Completion:
        place, _, _ = call.key.rpartition("/")
        sent.add(f"{place}/")
        if call.key.startswith(second):
            refused.set()
            raise ProviderError("provider_auth", "the key is not accepted")
        if call.role is Role.TARGET and not call.key.startswith("target/0/"):
            hang_up.wait(TIMEOUT_S)  # the job reads results in order: it does not learn of the refusal yet
        return Simulator()(call)

    insert(database, iterations=1, population=8)
    with running(database, refuse_the_second) as runner:
        assert refused.wait(TIMEOUT_S)
        (run,) = runner._held.running
        run.pool.submit(lambda: None).result(TIMEOUT_S)  # all that the job queued before it has begun
        hang_up.set()
        job = ended(database)
    assert job.error_code == "provider_auth"
    assert second in sent
    assert not sent & set(others[1:])


def test_a_failure_is_committed_although_the_store_was_busy(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: ModelCall) -> Completion:
        raise ProviderError("provider_auth", "the key is not accepted")

    tries: list[int] = []

    def fail_late(*arguments: object, **options: object) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise UnavailableError("store_busy", "busy")
        fail_job(*arguments, **options)

    monkeypatch.setattr(job_run, "fail_job", fail_late)
    monkeypatch.setattr(job_run, "RETRY_STORE_S", 0.01)
    insert(database)
    with running(database, refuse):
        job = ended(database)
    assert (job.status, len(tries)) == (JobStatus.FAILED, 2)


def test_a_resumed_job_waits_for_the_calls_of_its_last_run_and_takes_their_answers(database: Database) -> None:
    hanging, hang_up = threading.Event(), threading.Event()
    sent: list[str] = []

    def hang(call: ModelCall) -> Completion:
        sent.append(call.key)
        if len(sent) == 40:
            hanging.set()
        if len(sent) >= 40:
            hang_up.wait(TIMEOUT_S)
        return Simulator()(call)

    insert(database)
    with running(database, hang) as runner:
        assert hanging.wait(TIMEOUT_S)
        cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
        seen = get_job(database, "job-1").last_event_id
        resume_job(database, Resumption(job_id="job-1", spec=job_spec(), seen_event_id=seen), now=3.0)
        wait_for(database, lambda: not runner._held.running or len(set(sent)) < len(sent))
        hang_up.set()
        wait_for(database, lambda: get_job(database, "job-1").status is JobStatus.FINISHED)
    calls = list(iterate_calls(database, "job-1"))
    assert sorted(sent) == sorted(call.key for call in calls)
    assert sum(call.lost for call in calls) == 0


def test_a_resumed_job_is_left_to_the_runner_that_has_calls_of_it_under_way(database: Database) -> None:
    hanging, hang_up = threading.Event(), threading.Event()
    sent: list[str] = []

    def hang(call: ModelCall) -> Completion:
        sent.append(call.key)
        if len(sent) == 40:
            hanging.set()
        if len(sent) >= 40:
            hang_up.wait(TIMEOUT_S)
        return Simulator()(call)

    insert(database)
    with (
        closing(Database(database.path)) as other,
        running(database, hang) as runner,
        running(other, hang) as idle,
    ):
        assert hanging.wait(TIMEOUT_S)
        cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
        seen = get_job(database, "job-1").last_event_id
        resume_job(database, Resumption(job_id="job-1", spec=job_spec(), seen_event_id=seen), now=3.0)
        for each in (runner, idle):
            turns(each, 3)
        assert get_job(database, "job-1").status is JobStatus.QUEUED
        hang_up.set()
        assert ended(database).status is JobStatus.FINISHED
    assert len(sent) == len(set(sent))
    assert sum(call.lost for call in iterate_calls(database, "job-1")) == 0


def test_answers_to_a_run_that_is_over_are_awaited_for_longer_than_a_call_may_take(
    database: Database, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, llm_timeout_s=3600)
    assert create_runner(settings, database)._held._longest_call_s > 3600


def refuse(_: ModelCall) -> Completion:
    raise ProviderError("provider_auth", "the key is not accepted")


def test_a_job_whose_failure_cannot_be_written_for_a_bug_goes_back_into_the_queue(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_late(*arguments: object, **options: object) -> None:
        if get_job(database, "job-1").owner_epoch == 1:
            raise ZeroDivisionError
        fail_job(*arguments, **options)

    monkeypatch.setattr(job_run, "fail_job", fail_late)
    monkeypatch.setattr(back_off, "FIRST_S", 0.0)
    insert(database)
    with running(database, refuse):
        job = ended(database)
    assert (job.status, job.owner_epoch) == (JobStatus.FAILED, 2)
    assert "ZeroDivisionError" in caplog.text


def test_a_job_for_which_no_thread_can_be_started_goes_back_into_the_queue(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = threading.Thread.start

    def refuse_once(thread: threading.Thread) -> None:
        if thread.name.startswith("job") and get_job(database, "job-1").owner_epoch == 1:
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_once)
    monkeypatch.setattr(back_off, "FIRST_S", 0.0)
    insert(database)
    with running(database, Simulator()):
        job = ended(database)
    assert (job.status, job.owner_epoch) == (JobStatus.FINISHED, 2)


def test_a_runner_that_cannot_begin_a_job_leaves_the_queue_to_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("job"):
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(back_off, "FIRST_S", 60.0)
    job_ids = [insert(database, f"job-{n}") for n in range(5)]
    with running(database, Simulator()) as runner:
        turns(runner, until=lambda: runner._held.over)
        turns(runner, 3)
        assert [get_job(database, job_id).owner_epoch for job_id in job_ids] == [1, 0, 0, 0, 0]


def test_as_many_jobs_run_at_once_after_a_shortage_of_threads_as_before(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_threads(monkeypatch, name="job", places={2})
    monkeypatch.setattr(back_off, "FIRST_S", 0.0)
    gate, under_way = threading.Event(), set()

    def models_for(job_id: str, *_: object) -> dict[Role, RoleModel]:
        def ask(call: ModelCall) -> Completion:
            under_way.add(job_id)
            if job_id != "second":
                gate.wait(TIMEOUT_S)
            under_way.discard(job_id)
            return Simulator()(call)

        return {role: RoleModel(model_id=f"sim/{role}", ask=ask) for role in Role}

    runner = Runner(database, models_for, concurrent_jobs=3, concurrent_calls=8)
    runner.start()
    insert(database, "first")
    come_true(lambda: under_way == {"first"})
    insert(database, "second")
    assert ended(database, "second").owner_epoch == 2
    insert(database, "third")
    insert(database, "fourth")
    come_true(lambda: under_way == {"first", "third", "fourth"})
    gate.set()
    runner.drain(TIMEOUT_S)


def test_a_runner_puts_its_jobs_back_and_leaves_although_no_thread_can_be_started(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, asked = threading.Event(), threading.Event()

    def hang(call: ModelCall) -> Completion:
        asked.set()
        gate.wait(TIMEOUT_S)
        return Simulator()(call)

    insert(database)
    with running(database, hang) as runner:
        assert asked.wait(TIMEOUT_S)
        refuse_all_threads(monkeypatch)
        runner.drain(0.05)
        assert get_job(database, "job-1").status is JobStatus.QUEUED
        assert not database.rows("SELECT id FROM runners")
        gate.set()


def test_a_runner_of_which_not_all_threads_could_be_started_leaves_all_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_threads(monkeypatch, name="flush", places={1})
    runner = Runner(database, lambda *_: {}, concurrent_jobs=1, concurrent_calls=1)
    with pytest.raises(RuntimeError):
        runner.start()
    wait_for(database, lambda: bool(database.rows("SELECT id FROM runners")))
    with suppress(RuntimeError):
        runner.drain(0.0)
    assert not database.rows("SELECT id FROM runners")


def test_jobs_that_broke_off_take_the_places_of_others_until_they_are_put_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(_: ModelCall) -> Completion:
        raise StoreError("store_unavailable", "broken")

    monkeypatch.setattr(back_off, "FIRST_S", 60.0)
    job_ids = [insert(database, f"job-{n}") for n in range(5)]
    with running(database, break_off) as runner:
        turns(runner, until=lambda: len(runner._held.over) == 2)
        turns(runner, 3)
        assert [get_job(database, job_id).owner_epoch for job_id in job_ids] == [1, 1, 0, 0, 0]


def test_a_job_resumed_while_its_first_run_still_ends_can_be_cancelled_again(database: Database) -> None:
    hanging, hang_up = threading.Event(), threading.Event()

    def hang(call: ModelCall) -> Completion:
        hanging.set()
        hang_up.wait(TIMEOUT_S)
        return Simulator()(call)

    insert(database)
    with running(database, hang, longest_call_s=0.0) as runner:
        for now in (2.0, 4.0):
            assert hanging.wait(TIMEOUT_S)
            wait_for(database, lambda: get_job(database, "job-1").status is JobStatus.RUNNING)
            cancel_job(database, "job-1", token_id="token", now=now)  # noqa: S106 - an id
            seen = get_job(database, "job-1").last_event_id
            if now == 2.0:
                resume_job(database, Resumption(job_id="job-1", spec=job_spec(), seen_event_id=seen), now=3.0)
        wait_for(database, lambda: not runner._held.running)
        hang_up.set()
    assert get_job(database, "job-1").status is JobStatus.CANCELLED


def interrupt_a_call(database: Database, *, sends: int, input_tokens: int) -> None:
    """Have a runner let go of its job in the middle of a call that has consumed so much."""

    def interrupt(_: ModelCall) -> Completion:
        interruption = Interrupted("let_go", "cancelled between two tries")
        interruption.sends, interruption.input_tokens = sends, input_tokens
        raise interruption

    insert(database)
    models = {role: RoleModel(model_id="m", ask=interrupt) for role in Role}
    register_runner(database, ONE, now=1.0, monotonic=0.0)
    claim = claim_job(database, ONE, now=1.0)
    assert claim is not None
    tenure = Tenure(database, Holder(job_id="job-1", epoch=claim.epoch), threading.Event())
    with pytest.raises(Interrupted):
        LedgerModel(tenure, models, clock=lambda: 1.0, brake=lambda: None)(
            ModelCall(role=Role.TARGET, key="k", messages=())
        )
    database.flush()


def test_what_an_interrupted_call_consumed_is_billed(database: Database) -> None:
    interrupt_a_call(database, sends=2, input_tokens=9)
    (usage,) = list_usage(database, "job-1")
    assert (usage.calls, usage.input_tokens) == (2, 9)


def test_a_call_that_was_not_sent_any_more_is_not_of_unknown_outcome(database: Database) -> None:
    interrupt_a_call(database, sends=0, input_tokens=0)
    retire_runner(database, ONE.id)
    register_runner(database, ONE, now=2.0, monotonic=0.0)
    claim_job(database, ONE, now=2.0)
    resumed = list_events(database, "job-1", after=1, limit=10)[0]
    assert json.loads(resumed.data)["calls_of_unknown_outcome"] == 0


def test_failed_calls_are_counted_in_the_usage(database: Database) -> None:
    def fail_the_judge(call: ModelCall) -> Completion:
        if call.role is Role.JUDGE:
            raise ModelError("malformed_reply", "gibberish", sends=2, input_tokens=7)
        return Simulator()(call)

    insert(database)
    with running(database, fail_the_judge):
        job = ended(database)
    usage = {each.role: each for each in list_usage(database, "job-1")}
    assert (job.status, job.error_code) == (JobStatus.FAILED, "judge_malformed_reply")
    assert (usage[Role.JUDGE].calls, usage[Role.JUDGE].input_tokens) == (16, 56)


def test_usage_and_counters_are_the_sums_of_the_ledger(database: Database) -> None:
    insert(database)
    with running(database, Simulator()):
        ended(database)
    calls = list(iterate_calls(database, "job-1"))
    counted = {(each.name, *dict(each.labels).values()): each.value for each in list_counters(database)}
    for usage in list_usage(database, "job-1"):
        mine = [call for call in calls if call.role is usage.role]
        assert usage.calls == sum(call.sends for call in mine)
        assert (
            usage.input_tokens == sum(call.input_tokens for call in mine) == counted["llm_tokens", "input", usage.role]
        )
        assert usage.cost_usd == sum(call.cost_usd or 0.0 for call in mine) == counted["llm_cost_usd", usage.role]
        assert counted["llm_calls", "ok", usage.role] == len(mine)


def test_an_error_of_ours_fails_the_job_and_says_so_in_the_log(database: Database, caplog: object) -> None:
    def break_down(_: ModelCall) -> Completion:
        raise ZeroDivisionError

    insert(database)
    with running(database, break_down):
        job = ended(database)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "internal_error")


def test_jobs_run_beside_one_another(database: Database) -> None:
    together = threading.Barrier(2)
    met: set[str] = set()

    def meet(call: ModelCall) -> Completion:
        if call.key == "target/0/e1" or call.key.startswith("target/0/e1/"):
            together.wait(TIMEOUT_S)
            met.add(call.key)
        return Simulator()(call)

    for job_id in ("one", "two"):
        insert(database, job_id, iterations=1)
    with running(database, meet):
        assert [ended(database, job_id).status for job_id in ("one", "two")] == [JobStatus.FINISHED] * 2
    assert met
