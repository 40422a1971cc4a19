"""Calls of many jobs share the threads: all of them for one alone, evenly among several, one at least for each."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait

import pytest

from gepa_next.errors import Interrupted, UnavailableError
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobStatus
from gepa_next.runner import back_off
from gepa_next.runner.asking import Asking
from gepa_next.runner.call_pool import CallPool, Share, aside
from gepa_next.runner.ledger import RoleModel
from gepa_next.runner.runner import Runner
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job
from tests.runner.running import ended, refuse_all_threads, refuse_threads, running
from tests.store.jobs_on_file import insert

TIMEOUT_S = 30.0
THE_FIRST_ROLLOUT = 2
"""Calls of target and judge that a run makes alone, to learn what they cost."""


class Work:
    """Things to do that wait at a gate, and the order in which they began."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun: list[str] = []
        self._changed = threading.Condition()

    def of(self, name: str, *, held: bool = True) -> Callable[[], None]:
        def do() -> None:
            with self._changed:
                self.begun.append(name)
                self._changed.notify_all()
            if held:
                self.gate.wait(TIMEOUT_S)

        return do

    def wait_for(self, name: str, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.begun.count(name) >= count, TIMEOUT_S), self.begun


@pytest.fixture
def work() -> Iterator[Work]:
    found = Work()
    yield found
    found.gate.set()


@pytest.fixture
def pool() -> Iterator[CallPool]:
    opened = CallPool(4)
    yield opened
    opened.drain(TIMEOUT_S)


def submit(share: Share, count: int, do: Callable[[], None]) -> list[Future[None]]:
    return [share.submit(do) for _ in range(count)]


def all_done(futures: list[Future[None]]) -> bool:
    return not wait(futures, TIMEOUT_S).not_done


def test_a_lone_job_has_all_threads_and_no_more(pool: CallPool, work: Work) -> None:
    calls = submit(pool.share(), 9, work.of("lone"))
    work.wait_for("lone", 4)
    assert [each.running() for each in calls] == [True] * 4 + [False] * 5
    work.gate.set()
    assert all_done(calls)


def test_a_job_with_nothing_running_begins_one_call_over_the_limit(pool: CallPool, work: Work) -> None:
    submit(pool.share(), 9, work.of("big"))
    work.wait_for("big", 4)
    small = submit(pool.share(), 2, work.of("small"))
    work.wait_for("small", 1)
    assert [each.running() for each in small] == [True, False]


def test_a_small_job_is_done_long_before_a_big_one(work: Work) -> None:
    pool = CallPool(8)
    calls = submit(pool.share(), 300, work.of("big"))
    work.wait_for("big", 8)
    calls += submit(pool.share(), 20, work.of("small"))
    work.gate.set()
    assert all_done(calls)
    last = max(place for place, name in enumerate(work.begun) if name == "small")
    assert last < 110
    pool.drain(TIMEOUT_S)


def test_what_hangs_in_one_job_does_not_stop_another(pool: CallPool, work: Work) -> None:
    submit(pool.share(), 9, work.of("hung"))
    work.wait_for("hung", 4)
    assert all_done(submit(pool.share(), 20, work.of("other", held=False)))
    assert work.begun.count("hung") == 4


def test_who_waits_aside_takes_nothing_from_others_and_begins_nothing_itself(pool: CallPool, work: Work) -> None:
    all_began = threading.Barrier(4, timeout=TIMEOUT_S)

    def wait_aside() -> None:
        all_began.wait()
        with aside():
            work.of("waits")()

    submit(pool.share(), 9, wait_aside)
    work.wait_for("waits", 4)
    submit(pool.share(), 9, work.of("able"))
    work.wait_for("able", 4)
    assert (work.begun.count("waits"), work.begun.count("able")) == (4, 4)


def test_who_waits_for_anothers_answer_takes_no_place_and_holds_up_nothing(pool: CallPool, work: Work) -> None:
    asking, waits = Asking(), [threading.Event() for _ in range(9)]

    def ask(waiting: threading.Event) -> None:
        with asking.alone("q", permit=waiting.set):
            pass

    with asking.alone("q", permit=lambda: None):
        share = pool.share()
        calls = [share.submit(ask, each) for each in waits]
        assert all(each.wait(TIMEOUT_S) for each in waits)
        calls += submit(share, 4, work.of("same job"))
        work.wait_for("same job", 4)
        calls += submit(pool.share(), 4, work.of("another"))
        work.wait_for("another", 1)
        assert work.begun.count("another") == 1  # the one that is always allowed: the others take all places
    work.gate.set()
    assert all_done(calls)


def test_who_has_waited_aside_counts_again(pool: CallPool, work: Work) -> None:
    all_began = threading.Barrier(4, timeout=TIMEOUT_S)

    def wait_aside() -> None:
        all_began.wait()
        with aside():
            work.of("waits")()
        work.of("goes on", held=False)()
        hang.wait(TIMEOUT_S)

    hang = threading.Event()
    submit(pool.share(), 4, wait_aside)
    work.wait_for("waits", 4)
    work.gate.set()
    work.wait_for("goes on", 4)

    def hold() -> None:
        work.of("late", held=False)()
        hang.wait(TIMEOUT_S)

    calls = submit(pool.share(), 2, hold)
    work.wait_for("late", 1)  # the one that a job with none may always begin
    assert not calls[1].running()
    hang.set()


def test_what_is_cancelled_before_it_began_is_passed_over(pool: CallPool, work: Work) -> None:
    share = pool.share()
    running = submit(share, 4, work.of("running"))
    dropped = submit(share, 5, work.of("dropped"))
    assert all(each.cancel() for each in dropped)
    work.gate.set()
    assert all_done(running + submit(share, 1, work.of("next")))
    assert "dropped" not in work.begun


def test_an_error_belongs_to_whoever_waits_for_the_result(pool: CallPool) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    share = pool.share()
    assert isinstance(share.submit(fail).exception(TIMEOUT_S), ZeroDivisionError)
    assert share.submit(lambda: 7).result(TIMEOUT_S) == 7


def test_a_drained_pool_begins_nothing_more_but_lets_what_has_begun_end(work: Work) -> None:
    pool = CallPool(2)
    share = pool.share()
    calls = submit(share, 5, work.of("call"))
    work.wait_for("call", 2)
    threading.Timer(0.05, work.gate.set).start()
    pool.drain(TIMEOUT_S)
    assert [each.done() for each in calls] == [True] * 2 + [False] * 3
    with pytest.raises(Interrupted):
        share.submit(work.of("late"))


def test_what_hangs_is_waited_for_no_longer_than_is_said(work: Work) -> None:
    pool = CallPool(1)
    (hanging,) = submit(pool.share(), 1, work.of("hung"))
    pool.drain(0.05)
    assert not hanging.done()


def test_what_no_thread_can_be_started_for_is_done_by_one_that_there_is(
    pool: CallPool, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_threads(monkeypatch, places={2, 3})
    calls = submit(pool.share(), 9, work.of("call"))
    work.gate.set()
    assert all_done(calls)


def test_a_shortage_of_threads_that_is_over_leaves_as_many_at_once_as_before(
    pool: CallPool, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_threads(monkeypatch, places=set(range(2, 10)))
    share = pool.share()
    assert all_done(submit(share, 8, work.of("short", held=False)))
    calls = submit(share, 30, work.of("after"))
    work.wait_for("after", 4)
    work.gate.set()
    assert all_done(calls)


def test_a_pool_is_drained_although_no_thread_can_be_started(
    pool: CallPool, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hanging,) = submit(pool.share(), 1, work.of("hung"))
    work.wait_for("hung", 1)
    refuse_all_threads(monkeypatch)
    pool.drain(0.05)
    work.gate.set()
    pool.drain(TIMEOUT_S)
    assert hanging.done()


def test_who_cannot_be_served_for_want_of_any_thread_is_told_and_takes_no_place(
    pool: CallPool, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_threads(monkeypatch, places={1})
    share = pool.share()
    with pytest.raises(UnavailableError):
        share.submit(work.of("refused"))
    calls = submit(share, 5, work.of("call"))
    work.wait_for("call", 4)
    assert not calls[4].running()
    work.gate.set()
    assert all_done(calls)
    assert "refused" not in work.begun


def test_a_job_goes_on_although_no_thread_could_be_started_for_its_first_call(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_threads(monkeypatch, places={1})
    monkeypatch.setattr(back_off, "FIRST_S", 0.0)
    insert(database)
    with running(database, Simulator()):
        job = ended(database)
    assert (job.status, job.owner_epoch) == (JobStatus.FINISHED, 2)


def test_a_job_whose_calls_hang_does_not_stop_another_job(database: Database, work: Work) -> None:
    hang, answered = work.of("hung"), itertools.count(1)

    def hanging(call: ModelCall) -> Completion:
        if next(answered) > THE_FIRST_ROLLOUT:
            hang()
        return Simulator()(call)

    def models_for(job_id: str, *_: object) -> dict[Role, RoleModel]:
        ask = hanging if job_id == "hung" else Simulator()
        return {role: RoleModel(model_id=f"sim/{role}", ask=ask) for role in Role}

    insert(database, "hung")
    runner = Runner(database, models_for, concurrent_jobs=2, concurrent_calls=2)
    runner.start()
    work.wait_for("hung", 2)
    insert(database, "other")
    assert ended(database, "other").status is JobStatus.FINISHED
    assert get_job(database, "hung").status is JobStatus.RUNNING
    work.gate.set()
    runner.drain(TIMEOUT_S)
