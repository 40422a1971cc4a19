"""One runner of all checks the judge, when it is time and there is nothing better to do, and harms no job by it."""

import itertools
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from gepa_next.app import create_runner
from gepa_next.config import Settings
from gepa_next.gepa.anchors import ANCHORS
from gepa_next.gepa.drift import REPEATS, anchors_fingerprint
from gepa_next.gepa.replies import JudgeReply
from gepa_next.gepa.types import CallUsage, Completion, ModelCall
from gepa_next.models import JudgeCheck
from gepa_next.runner.judge_watch import START_S, JudgeWatch
from gepa_next.runner.runner import Runner
from gepa_next.store.counters import list_counters
from gepa_next.store.database import Database
from gepa_next.store.judge_checks import Turn, begin_check, find_last_check, turn_is_free
from gepa_next.store.leases import RunnerIdentity, register_runner, retire_runner
from tests.runner.running import TIMEOUT_S, come_true
from tests.support.judges import Taste, judge_served
from tests.support.service import settings_for

CALLS = REPEATS * len(ANCHORS)
DAY_S = 86_400.0
TURN = Turn(fingerprint=anchors_fingerprint("acme/judge"), owner="one")


class Judge:
    """A judge in this process, who counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.points = 5

    def __call__(self, _: ModelCall, /) -> Completion:
        self.asked += 1
        return Completion(text="", reply=JudgeReply(feedback="Fair.", score=self.points), usage=CallUsage(cost_usd=0.0))


class Clock:
    """The time, which a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def entered(database: Database, *names: str) -> None:
    for name in names:
        identity = RunnerIdentity(id=name, pid=1, pid_started_at=1, boot_id="boot")
        register_runner(database, identity, now=1.0, monotonic=1.0)


def last(database: Database) -> JudgeCheck | None:
    return find_last_check(database, TURN.fingerprint)


def watch_of(judge: Judge, clock: Clock) -> JudgeWatch:
    return JudgeWatch(judge, model_id="acme/judge", interval_s=DAY_S, clock=clock)


def test_a_runner_checks_at_its_start_and_then_once_a_day(database: Database) -> None:
    judge, clock = Judge(), Clock()
    entered(database, "one")
    watch = watch_of(judge, clock)
    asked = []
    for pause_s in (0.0, 1.0, START_S, DAY_S):
        clock.now += pause_s
        watch(database, "one", go_on=lambda: True)
        asked.append(judge.asked)
    assert asked == [CALLS, CALLS, CALLS, 2 * CALLS]


def test_a_runner_that_starts_again_soon_makes_no_check_and_later_does(database: Database) -> None:
    judge, clock = Judge(), Clock()
    entered(database, "one")
    asked = []
    for pause_s in (0.0, START_S - 1, 2.0):
        clock.now += pause_s
        watch_of(judge, clock)(database, "one", go_on=lambda: True)
        asked.append(judge.asked)
    assert asked == [CALLS, CALLS, 2 * CALLS]


def test_a_turn_is_one_runners_until_it_ends_or_that_is_gone(database: Database) -> None:
    other = Turn(fingerprint=TURN.fingerprint, owner="two")
    entered(database, "one", "two")
    assert begin_check(database, TURN, last_before=0.0, now=10.0)
    assert not turn_is_free(database, other, last_before=20.0, now=30.0)
    assert not begin_check(database, other, last_before=20.0, now=30.0)
    retire_runner(database, "one")
    assert turn_is_free(database, other, last_before=0.0, now=11.0)
    assert begin_check(database, other, last_before=0.0, now=11.0)


def test_a_runner_that_was_struck_off_takes_no_turn(database: Database) -> None:
    assert not begin_check(database, TURN, last_before=0.0, now=10.0)


def test_a_turn_whose_end_could_not_be_written_is_taken_again_when_it_is_time(database: Database) -> None:
    entered(database, "one")
    begin_check(database, TURN, last_before=0.0, now=10.0)
    assert not turn_is_free(database, TURN, last_before=9.0, now=20.0)
    assert turn_is_free(database, TURN, last_before=11.0, now=20.0)


def test_what_a_runner_found_after_it_was_struck_off_is_counted_and_not_stored(database: Database) -> None:
    judge, clock = Judge(), Clock()
    entered(database, "one", "two")

    def rob() -> bool:
        if judge.asked == CALLS - 1:
            retire_runner(database, "one")
            begin_check(database, Turn(fingerprint=TURN.fingerprint, owner="two"), last_before=0.0, now=clock.now)
        return True

    watch_of(judge, clock)(database, "one", go_on=rob)
    assert last(database) is None
    assert calls_counted(database) == CALLS


def test_a_check_that_is_broken_off_is_counted_and_the_next_runners(database: Database) -> None:
    judge, clock, left = Judge(), Clock(), itertools.count(-3)
    entered(database, "one")
    watch_of(judge, clock)(database, "one", go_on=lambda: next(left) < 0)
    assert (judge.asked, calls_counted(database), last(database)) == (2, 2, None)
    retire_runner(database, "one")
    entered(database, "two")
    watch_of(judge, clock)(database, "two", go_on=lambda: True)
    assert last(database) is not None


def test_a_judge_that_moved_is_told_in_the_log(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    judge, clock = Judge(), Clock()
    entered(database, "one")
    watch = watch_of(judge, clock)
    with caplog.at_level(logging.WARNING):
        watch(database, "one", go_on=lambda: True)
        assert caplog.messages == []
        clock.now, judge.points = clock.now + DAY_S + 1, 4
        watch(database, "one", go_on=lambda: True)
    assert caplog.messages == ["the judge acme/judge has moved by -0.100"]


def calls_counted(database: Database) -> float:
    return sum(each.value for each in list_counters(database) if each.name == "llm_calls")


@pytest.fixture
def taste() -> Taste:
    return Taste()


@pytest.fixture
def settings(tmp_path: Path, taste: Taste) -> Iterator[Settings]:
    with judge_served(taste) as base_url:
        yield settings_for(
            tmp_path,
            llm_base_url=base_url,
            target_model_default="acme/target",
            judge_model_id="acme/judge",
            judge_check_interval_s=DAY_S,
        )


@contextmanager
def at_work(settings: Settings) -> Iterator[Runner]:
    """Have a runner at work, on connections of its own."""
    with closing(Database(settings.database_path)) as database:
        runner = create_runner(settings, database)
        runner.start()
        try:
            yield runner
        finally:
            runner.drain(TIMEOUT_S)


def test_of_two_runners_one_asks_the_judge(settings: Settings, taste: Taste, database: Database) -> None:
    taste.hold = threading.Event()
    with ExitStack() as runners:
        for _ in range(2):
            runners.enter_context(at_work(settings))
        assert taste.reached.wait(TIMEOUT_S)
        come_true(lambda: database.row("SELECT 1 FROM judge_turns WHERE owner IS NOT NULL"))
        taste.hold.set()
        come_true(lambda: last(database))
    assert len(taste.asked) == CALLS


def test_a_judge_that_refuses_is_left_alone_until_the_next_time(
    settings: Settings, taste: Taste, database: Database
) -> None:
    taste.status = 401
    with at_work(settings):
        come_true(lambda: database.row("SELECT 1 FROM judge_turns WHERE owner IS NULL"))
    assert (len(taste.asked), last(database)) == (1, None)


@pytest.mark.parametrize("changes", [{"judge_check_interval_s": 0}, {"llm_base_url": ""}], ids=["off", "simulated"])
def test_no_runner_checks_when_that_is_off_or_the_simulator_judges(
    settings: Settings, database: Database, changes: dict[str, object]
) -> None:
    runner = create_runner(settings.model_copy(update=changes), database)
    assert runner._checks_judge is None
    assert create_runner(settings, database)._checks_judge is not None
