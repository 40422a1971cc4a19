"""An endpoint gets as much as it takes: less when it refuses, more when it answers, one at a time when it is gone."""

import pytest
from llm_stage import longest

from gepa_next.llm import faults
from gepa_next.llm.failure import Failure, Fault
from gepa_next.llm.throttle import DOWN_AFTER, LONG_S, MINUTE_S, Throttle


def begun(throttle: Throttle, count: int, *, now: float = 0.0) -> list[int]:
    return [throttle.begin(now) for _ in range(count)]


def hear(throttle: Throttle, numbers: list[int], fault: Fault | None, *, now: float = 0.0, **wish: float) -> None:
    for number in numbers:
        throttle.hear(number, Failure(fault, **wish) if fault else None, now=now)
        throttle.end(number)


def refused(throttle: Throttle, count: int, *, now: float = 0.0, **wish: float) -> None:
    hear(throttle, begun(throttle, count, now=now), faults.RATE_LIMITED, now=now, **wish)


def fits(throttle: Throttle, *, now: float) -> int:
    """Return how many requests it lets go at once, and take them back."""
    numbers = []
    while throttle.admits(now) and len(numbers) < 99:
        numbers += begun(throttle, 1, now=now)
    for number in numbers:
        throttle.end(number)
    return len(numbers)


def never(_: float, __: float) -> float:
    return 0.0


def test_an_endpoint_that_never_refused_is_not_limited() -> None:
    assert fits(Throttle(5), now=0.0) == 99


def test_requests_refused_together_halve_what_was_in_flight_once() -> None:
    throttle = Throttle(50, uniform=never)
    refused(throttle, 20)
    assert (throttle.level, fits(throttle, now=0.0)) == (10, 10)


def test_what_is_refused_after_the_fall_halves_it_again_down_to_one() -> None:
    throttle = Throttle(50, uniform=never)
    levels = []
    for _ in range(5):
        refused(throttle, min(8, fits(throttle, now=0.0)))
        levels.append(throttle.level)
    assert levels == [4, 2, 1, 1, 1]


def test_the_level_rises_by_one_with_each_window_of_answers_and_then_is_none() -> None:
    throttle = Throttle(4, uniform=never)
    refused(throttle, 4)
    levels = []
    while throttle.level < 4:
        hear(throttle, begun(throttle, fits(throttle, now=0.0)), None)
        levels.append(throttle.level)
    assert levels[0] == 2
    assert levels == sorted(levels)
    assert len(levels) <= 12
    hear(throttle, begun(throttle, 4), None)
    assert fits(throttle, now=0.0) == 99


def test_a_level_that_is_not_reached_does_not_rise() -> None:
    throttle = Throttle(50, uniform=never)
    refused(throttle, 20)
    for _ in range(100):
        hear(throttle, begun(throttle, 5), None)
    assert throttle.level == 10


def test_an_answer_to_what_was_sent_before_the_trouble_proves_nothing() -> None:
    throttle = Throttle(50, uniform=never)
    early = begun(throttle, 10)
    refused(throttle, 1)
    hear(throttle, early, None)
    assert throttle.trouble is not None
    hear(throttle, begun(throttle, 1), None)
    assert throttle.trouble is None


@pytest.mark.parametrize("fault", [faults.RATE_LIMITED, faults.UNREACHABLE])
def test_pauses_double_with_each_round_in_vain_and_are_short_again_after_an_answer(fault: Fault) -> None:
    throttle, now, pauses = Throttle(uniform=longest), 0.0, []
    for _ in range(9):
        hear(throttle, begun(throttle, 3, now=now), fault, now=now)
        pauses.append(throttle.opens_at() - now)
        now = throttle.opens_at()
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    hear(throttle, begun(throttle, 1, now=now), None, now=now)
    hear(throttle, begun(throttle, 1, now=now), fault, now=now)
    assert throttle.opens_at() - now == 0.5


def test_the_longest_wish_holds_for_all_and_one_beyond_an_hour_for_nobody() -> None:
    throttle = Throttle(uniform=never)
    for wish_s in (7.0, 40.0, 3601.0, 0.5):
        refused(throttle, 1, retry_after_s=wish_s)
    assert throttle.opens_at() == 40.0
    assert not throttle.admits(39.9)
    assert throttle.admits(40.0)


def test_an_endpoint_out_of_reach_gets_one_request_at_a_time_until_it_answers() -> None:
    throttle = Throttle(50, uniform=never)
    slow = begun(throttle, 5)
    hear(throttle, begun(throttle, DOWN_AFTER), faults.UNREACHABLE)
    assert (throttle.is_down, fits(throttle, now=0.0)) == (True, 1)
    hear(throttle, begun(throttle, 1), faults.UNREACHABLE)
    assert fits(throttle, now=0.0) == 1
    hear(throttle, begun(throttle, 1), None)
    assert (throttle.is_down, throttle.level, fits(throttle, now=0.0)) == (False, 50, 99)
    hear(throttle, slow, None)


def test_a_few_lost_connections_among_answers_are_not_an_outage() -> None:
    throttle = Throttle(50, uniform=never)
    for _ in range(5):
        hear(throttle, begun(throttle, DOWN_AFTER - 1), faults.UNREACHABLE)
        hear(throttle, begun(throttle, 1), None)
    assert not throttle.is_down


@pytest.mark.parametrize("fault", [faults.RESET, faults.DEADLINE, faults.STALLED])
def test_what_is_no_answer_does_not_mend_an_outage(fault: Fault) -> None:
    throttle = Throttle(50, uniform=never)
    hear(throttle, begun(throttle, DOWN_AFTER), faults.UNREACHABLE)
    hear(throttle, begun(throttle, 1), fault)
    assert throttle.is_down


@pytest.mark.parametrize("fault", [faults.SERVER_ERROR, faults.AUTH, faults.MALFORMED])
def test_any_answer_mends_an_outage(fault: Fault) -> None:
    throttle = Throttle(50, uniform=never)
    hear(throttle, begun(throttle, DOWN_AFTER), faults.UNREACHABLE)
    hear(throttle, begun(throttle, 1), fault)
    assert not throttle.is_down


def test_trouble_is_worth_telling_when_it_takes_long() -> None:
    throttle = Throttle(uniform=never)
    refused(throttle, 1)
    assert [throttle.delays(now) for now in (0.0, LONG_S, LONG_S + 0.1)] == [False, False, True]
    refused(throttle, 1, retry_after_s=LONG_S + 1)
    assert throttle.delays(0.0)
    hear(throttle, begun(throttle, 1), None)
    assert not throttle.delays(60.0)


def test_no_minute_has_more_requests_than_are_allowed() -> None:
    throttle, sent = Throttle(per_minute=30), []
    for now in (tenth / 10 for tenth in range(3000)):
        while throttle.admits(now):
            throttle.end(throttle.begin(now))
            sent.append(now)
    most = max(sum(start <= at < start + 60.0 for at in sent) for start in sent)
    assert (most, len(sent)) == (30, 5 * 30)
    assert throttle.opens_at() == sent[-1] + MINUTE_S
