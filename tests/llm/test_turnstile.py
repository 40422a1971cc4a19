"""Calls of many jobs to one endpoint: as many at once as it takes, in turn, and none held up by another's."""

import threading
from collections.abc import Callable

import pytest
from desk import TIMEOUT_S, answers, open_office
from llm_stage import PATIENCE_S, FakeTime, Stage, answered, failed, longest, question

from gepa_next.errors import Interrupted, ModelError, ProviderError
from gepa_next.llm import faults
from gepa_next.llm.failure import Failure, Scope
from gepa_next.llm.http import HttpModel
from gepa_next.llm.throttle import Throttle
from gepa_next.llm.turnstile import Lane, Traffic, Turn, Turnstile
from gepa_next.models import Waiting


def never(_: float, __: float) -> float:
    return 0.0


def limited_to(level: int) -> Throttle:
    """Return a throttle that has been refused, and so has come down to the level."""
    throttle = Throttle(uniform=never)
    for number in [throttle.begin(0.0) for _ in range(2 * level)]:
        throttle.hear(number, Failure(faults.RATE_LIMITED), now=0.0)
        throttle.end(number)
    assert throttle.level == level
    return throttle


def test_a_lone_job_uses_the_whole_level_and_no_more() -> None:
    with open_office(limited_to(8)) as office:
        office.desk.held = lambda _: True
        job = office.job("lone")
        calls = job.ask(30)
        office.desk.wait_until(lambda desk: desk.in_flight == 8)
        office.wait_until_queued(job, 22)
        assert (job.lane.in_flight, office.desk.in_flight) == (8, 8)
        office.desk.gate.set()
        assert answers(calls) == {"Paris"}
        assert job.lane.in_flight == 0


def test_the_level_falls_when_calls_are_refused_and_rises_again() -> None:
    with open_office(Throttle(16, uniform=never)) as office:
        job = office.job("job")
        office.desk.most, office.desk.held = 3, lambda _: len(office.desk.arrivals) <= 3
        first = job.ask(40)
        office.desk.wait_until(lambda desk: desk.refused > 0)
        office.desk.gate.set()
        assert answers(first) == {"Paris"}
        assert office.throttle.level < 16
        office.desk.most = 999
        while office.throttle.level < 16:
            fallen = office.throttle.level
            assert answers(job.ask(64)) == {"Paris"}
            assert office.throttle.level >= fallen


def test_a_big_job_does_not_starve_a_small_one() -> None:
    with open_office(limited_to(6)) as office:
        office.desk.held = lambda _: True
        big, small = office.job("big"), office.job("small")
        calls = big.ask(60)
        office.desk.wait_until(lambda desk: desk.in_flight == 6)
        calls += small.ask(4)
        office.wait_until_queued(small, 4)
        office.desk.gate.set()
        assert answers(calls) == {"Paris"}
        assert [at for at, name in enumerate(office.desk.arrivals) if name == "small"][-1] < 30


def test_the_next_slot_is_for_the_job_that_has_least_in_flight() -> None:
    with open_office(limited_to(4)) as office:
        office.desk.held = lambda text: text == "first"
        first, second = office.job("first"), office.job("second")
        calls = first.ask(20)
        office.desk.wait_until(lambda desk: desk.in_flight == 4)
        calls += second.ask(20)
        office.wait_until_queued(second, 20)
        office.desk.held = lambda _: True
        office.desk.gate.set()
        assert answers(calls) == {"Paris"}
        assert office.desk.arrivals[4:16].count("second") >= 4


def test_the_wish_of_a_server_holds_for_all_jobs(stage: Stage) -> None:
    play = stage.server.play(failed(429, retry_after="20"), answered())
    provider = stage.provider(play)
    first, second = (
        HttpModel(provider=provider, model_id="m", permit=permit, lane=lane)
        for permit, lane in zip((give_up_after(2), lambda: None), lanes(stage, provider.throttle, 2), strict=True)
    )
    with pytest.raises(Interrupted):
        first(question())
    assert stage.time.now < 1.0
    assert second(question()).text == "Paris"
    assert stage.time.now == pytest.approx(20.0, abs=0.1)


def lanes(stage: Stage, throttle: Throttle, count: int) -> list[Lane]:
    turnstile = Turnstile(patience_s=PATIENCE_S, clock=stage.time.clock, nap=stage.time.nap)
    return [Lane(turnstile, throttle, Traffic()) for _ in range(count)]


def give_up_after(times: int) -> Callable[[], None]:
    """Return a permit that is withdrawn: its job is cancelled."""
    asked = []

    def permit() -> None:
        asked.append(1)
        if len(asked) >= times:
            raise Interrupted("let_go", "cancelled")

    return permit


def test_a_call_that_waits_ends_at_once_when_its_job_is_let_go_and_leaves_no_trace() -> None:
    let_go = threading.Event()

    def permit() -> None:
        if let_go.is_set():
            raise Interrupted("let_go", "cancelled")

    with open_office(limited_to(2)) as office:
        office.desk.held = lambda _: True
        holding = office.job("holding").ask(2)
        office.desk.wait_until(lambda desk: desk.in_flight == 2)
        job = office.job("cancelled", permit=permit)
        calls = job.ask(5)
        office.wait_until_queued(job, 5)
        let_go.set()
        for call in calls:
            assert isinstance(call.exception(2.0), Interrupted)
        office.desk.gate.set()
        assert answers(holding + office.job("next").ask(3)) == {"Paris"}
        assert (len(job.lane.turns), office.desk.arrivals.count("cancelled")) == (0, 0)


def reasons(told: list[Waiting]) -> list[str]:
    return [each.reason for each in told]


def test_a_job_is_told_once_why_it_can_do_nothing(stage: Stage) -> None:
    told: list[Waiting] = []
    model, _ = stage.model(failed(429, retry_after="20"), failed(429, retry_after="9"), answered())
    model.lane.traffic.say_waiting = told.append
    model(question())
    assert reasons(told) == ["rate_limited"]


def test_a_short_pause_is_not_worth_telling(stage: Stage) -> None:
    told: list[Waiting] = []
    model, _ = stage.model(failed(429, retry_after="4"), answered())
    model.lane.traffic.say_waiting = told.append
    model(question())
    assert told == []


def test_each_spell_of_trouble_is_told(stage: Stage) -> None:
    told: list[Waiting] = []
    model, _ = stage.model(failed(429, retry_after="20"), answered(), failed(429, retry_after="20"), answered())
    model.lane.traffic.say_waiting = told.append
    model(question())
    model(question())
    assert reasons(told) == ["rate_limited"] * 2


def test_a_job_is_told_once_until_an_answer_that_its_retries_come_late(stage: Stage) -> None:
    told: list[Waiting] = []
    model, _ = stage.model(*[failed(503)] * 28, answered(), *[failed(503)] * 3, answered())
    model.lane.traffic.say_waiting = told.append
    for _ in range(4):  # they use up the quick retries
        with pytest.raises(ModelError):
            model(question())
    assert reasons(told) == ["server_error"]
    model(question())
    model(question())
    assert reasons(told) == ["server_error"] * 2


def test_a_job_that_does_something_else_is_not_told_that_its_retries_come_late(stage: Stage) -> None:
    told: list[Waiting] = []
    model, _ = stage.model(failed(503))
    model.lane.traffic.say_waiting = told.append
    model.lane.traffic.in_flight += 1
    for _ in range(3):
        with pytest.raises(ModelError):
            model(question())
    assert told == []


def test_a_job_that_has_calls_in_flight_is_not_told_that_it_waits(stage: Stage) -> None:
    told: list[Waiting] = []
    model, _ = stage.model(failed(429, retry_after="20"), answered())
    model.lane.traffic.say_waiting = told.append
    model.lane.traffic.in_flight += 1
    model(question())
    assert told == []


def test_an_endpoint_that_only_refuses_ends_the_job_when_its_patience_is_over(stage: Stage) -> None:
    model, _ = stage.model(failed(429))
    with pytest.raises(ProviderError) as caught:
        model(question())
    assert caught.value.code == "rate_limited"


def test_who_waits_for_an_endpoint_that_failed_once_more_gives_up_without_a_try(stage: Stage) -> None:
    lane, sent = lanes(stage, Throttle(uniform=longest), 1)[0], []
    turn = lane.turn()
    for stage.time.now in (0.0, PATIENCE_S):
        number = lane.throttle.begin(stage.time.now)
        lane.throttle.hear(number, Failure(faults.UNREACHABLE, "Connection refused"), now=stage.time.now)
        lane.throttle.end(number)
    with pytest.raises(Failure, match="Connection refused") as caught:
        lane.through(turn, lambda: sent.append(1), lambda: None)
    assert (caught.value.ends, sent) == (Scope.JOB, [])
    assert stage.time.now < PATIENCE_S + 1.0


def test_all_who_wait_for_an_endpoint_give_up() -> None:
    with open_office(Throttle(uniform=longest), time=FakeTime()) as office:
        office.desk.most = 0
        for call in office.job("job").ask(12):
            assert isinstance(call.exception(TIMEOUT_S), ProviderError)


def test_a_call_that_is_refused_while_others_are_answered_fails_alone(stage: Stage) -> None:
    lane, ends = lanes(stage, Throttle(uniform=longest), 1)[0], None
    turn = lane.turn()
    while ends is None:
        with pytest.raises(Failure) as caught:
            lane.through(turn, refuse, lambda: None)
        ends = caught.value.ends
        lane.through(lane.turn(), lambda: None, lambda: None)
    assert ends is Scope.CALL
    assert stage.time.now >= PATIENCE_S


def test_a_call_that_is_refused_before_others_sent_with_it_are_answered_fails_alone_too(stage: Stage) -> None:
    lane, ends = lanes(stage, Throttle(uniform=longest), 1)[0], None
    refused, others = lane.turn(), [lane.turn() for _ in range(7)]
    for turn in (refused, *others):
        lane.turnstile.enter(lane, turn, lambda: None)
    lane.turnstile.leave(lane, refused, Failure(faults.RATE_LIMITED))
    for turn in others:
        lane.turnstile.leave(lane, turn, None)
    other = lane.turn()
    for turn in (refused, other):
        lane.turnstile.enter(lane, turn, lambda: None)
    lane.turnstile.leave(lane, refused, Failure(faults.RATE_LIMITED))
    lane.turnstile.leave(lane, other, None)
    while ends is None:
        with pytest.raises(Failure) as caught:
            lane.through(refused, refuse, lambda: None)
        ends = caught.value.ends
    assert ends is Scope.CALL


def test_a_call_that_was_taken_in_between_has_not_been_refused_since(stage: Stage) -> None:
    lane, turn = lanes(stage, Throttle(uniform=longest), 1)[0], Turn(0.0)
    for fault in (faults.RATE_LIMITED, faults.SERVER_ERROR):
        lane.turnstile.enter(lane, turn, lambda: None)
        assert lane.turnstile.leave(lane, turn, Failure(fault)) is None
    stage.time.now += PATIENCE_S
    lane.turnstile.enter(lane, turn, lambda: None)
    assert lane.turnstile.leave(lane, turn, Failure(faults.RATE_LIMITED)) is None


def refuse() -> None:
    raise Failure(faults.RATE_LIMITED)


def test_requests_per_minute_hold_for_all_jobs_together() -> None:
    time = FakeTime()
    with open_office(Throttle(per_minute=10), time=time) as office:
        calls = [call for name in ("one", "two") for call in office.job(name).ask(12)]
        assert answers(calls) == {"Paris"}
        assert len(office.desk.arrivals) == 24
        assert 120.0 <= time.now <= 200.0


def no_nap(_: threading.Event, __: float) -> None:
    """Look again at once."""


def let_go() -> None:
    raise Interrupted("let_go", "it may not go yet")


def goes(lane: Lane) -> Turn | None:
    """Return the turn of a request that may go now, None if it has to wait."""
    turn = lane.turn()
    try:
        lane.turnstile.enter(lane, turn, let_go)
    except Interrupted:
        return None
    return turn


def test_so_many_are_in_flight_at_all_endpoints_together() -> None:
    turnstile, traffic = Turnstile(most=3, nap=no_nap), Traffic()
    lanes = [Lane(turnstile, Throttle(), traffic) for _ in range(2)]
    first, *others = [goes(lane) for lane in (lanes[0], lanes[1], lanes[1], lanes[0], lanes[1])]
    assert [bool(turn) for turn in others] == [True, True, False, False]
    assert first is not None
    turnstile.leave(lanes[0], first, None)
    assert [bool(goes(lanes[1])) for _ in range(2)] == [True, False]


def test_a_job_with_nothing_in_flight_may_always_begin_one_request() -> None:
    turnstile = Turnstile(most=2, nap=no_nap)
    big, small = (Lane(turnstile, Throttle()) for _ in range(2))
    assert [bool(goes(big)) for _ in range(3)] == [True, True, False]
    assert [bool(goes(small)) for _ in range(2)] == [True, False]


def test_a_job_that_waits_for_an_endpoint_takes_nothing_from_the_others() -> None:
    turnstile, paused = Turnstile(most=4, nap=no_nap), Throttle(uniform=never)
    paused.hear(paused.begin(0.0), Failure(faults.RATE_LIMITED, retry_after_s=99.0), now=turnstile.clock())
    waiting, able = Lane(turnstile, paused), Lane(turnstile, Throttle())
    assert not any(goes(waiting) for _ in range(9))
    assert [bool(goes(able)) for _ in range(5)] == [True] * 4 + [False]
