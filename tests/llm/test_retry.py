"""Retries wait as the server asks, with jitter otherwise, and not too many times."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from llm_stage import Act, Stage, answered, failed, question

from gepa_next.errors import Interrupted, ModelError, ProviderError
from gepa_next.llm import faults
from gepa_next.llm.failure import Failure
from gepa_next.llm.http import HttpModel
from gepa_next.llm.retry import Retry, RetryBudget, read_retry_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "7", "retry-after-ms": "soon"}, 7.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:30 GMT"}, 90.0),
        ({"retry-after": "Wed, 31 Dec 2025 00:00:00 GMT"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "\uff17"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Thu, 99 Foo 99999999 00:01:30 GMT"}, None),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, now=NOW) == seconds


def fail(fault: faults.Fault) -> object:
    def send(*_: object) -> None:
        raise Failure(fault)

    return send


def test_waits_double_up_to_a_ceiling() -> None:
    waits: list[float] = []
    patient = faults.Fault(name="x", code="x", shows="", advice="", retries=9, wait=faults.Wait.BACKOFF)
    with pytest.raises(Failure):
        Retry(wait=waits.append, uniform=lambda *limits: limits[1])(fail(patient))
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_waits_are_jittered_from_nothing() -> None:
    lows: list[float] = []
    with pytest.raises(Failure):
        Retry(wait=lambda _: None, uniform=lambda low, high: lows.append(low) or high)(fail(faults.SERVER_ERROR))
    assert set(lows) == {0.0}


def test_the_budget_allows_a_few_retries_at_once_and_a_fifth_later() -> None:
    budget = RetryBudget(few=3)
    assert [budget.take_retry() for _ in range(5)] == [True] * 3 + [False] * 2
    for _ in range(97):
        budget.count_call()
    assert [budget.take_retry() for _ in range(30)].count(True) >= 17
    assert not budget.take_retry()


def test_a_retry_beyond_the_budget_comes_late(stage: Stage) -> None:
    model, _ = stage.model(failed(503))
    for _ in range(3):
        with pytest.raises(ModelError) as caught:
            model(question())
        assert caught.value.sends == 7
    late = [wait for wait in stage.waits[10:] if 15.0 <= wait <= 30.0]
    assert (len(stage.waits), len(late)) == (18, 8)


@pytest.mark.parametrize("act", [failed(429), failed(503, retry_after="1")], ids=["rate limit", "server's wish"])
def test_what_all_calls_wait_for_does_not_draw_on_the_budget(stage: Stage, act: Act) -> None:
    model, play = stage.model(*[act] * 5, answered())
    model(question())
    assert len(play.seen) == 6
    assert [model.provider.retry_budget.take_retry() for _ in range(11)] == [True] * 10 + [False]


def test_each_fault_has_its_own_number_of_retries(stage: Stage) -> None:
    hung_up, html = {"act": "hang_up"}, {"body": "<html>"}
    model, play = stage.model(*[failed(429)] * 5, *[html] * 2, *[hung_up] * 4, *[failed(503)] * 6, answered())
    completion = model(question())
    assert (completion.text, completion.usage.sends, len(play.seen)) == ("Paris", 18, 18)


def test_the_servers_wish_is_obeyed(stage: Stage) -> None:
    model, _ = stage.model(failed(429, retry_after="20"), failed(503, retry_after_ms="2500"), answered())
    model(question())
    assert stage.time.now == pytest.approx(22.5, abs=0.1)
    assert stage.waits == []


def test_a_date_is_waited_for(stage: Stage) -> None:
    at = datetime.now(UTC) + timedelta(seconds=100)
    model, _ = stage.model(failed(429, retry_after=format_datetime(at, usegmt=True)), answered())
    model(question())
    assert 0.5 < stage.time.now <= 100.0


@pytest.mark.parametrize(
    "absurd", ["soon", "-1", "nan", "inf", "1e3", "9" * 400, "Thu, 99 Foo 99999999 00:01:30 GMT", ""]
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wish_that_makes_no_sense_is_passed_over(stage: Stage, status: int, absurd: str) -> None:
    model, _ = stage.model(failed(status, retry_after=absurd), answered())
    model(question())
    assert stage.time.now + sum(stage.waits) <= 0.6


def test_a_wait_of_an_hour_is_sat_out(stage: Stage) -> None:
    model, _ = stage.model(failed(429, retry_after="3600"), answered("Paris"))
    assert model(question()).text == "Paris"
    assert stage.time.now == pytest.approx(3600, abs=0.1)


@pytest.mark.parametrize("status", [429, 503])
def test_a_longer_wait_is_not(stage: Stage, status: int) -> None:
    model, play = stage.model(failed(status, retry_after="3601"))
    with pytest.raises(ProviderError, match="asked to wait 3601 s") as caught:
        model(question())
    assert (caught.value.code, len(play.seen), stage.time.now) == ("rate_limited", 1, 0.0)


def test_a_wait_can_be_interrupted(stage: Stage) -> None:
    def interrupt(seconds: float) -> None:
        raise Interrupted("cancelled", "the job was cancelled")

    play = stage.server.play(failed(503))
    model = HttpModel(provider=stage.provider(play), model_id="acme/small", wait=interrupt)
    with pytest.raises(Interrupted):
        model(question())
    assert len(play.seen) == 1


@pytest.mark.parametrize(
    "stop",
    [Interrupted("let_go", "the job was cancelled"), ProviderError("provider_auth", "no such key", sends=0)],
    ids=lambda stop: stop.code,
)
@pytest.mark.parametrize("told_in", ["wait", "permit"])
def test_a_call_that_is_stopped_between_two_tries_says_what_it_has_sent(
    stage: Stage, stop: Interrupted | ProviderError, told_in: str
) -> None:
    waited: list[float] = []

    def tell(*seconds: float) -> None:
        waited.extend(seconds)
        if waited:
            raise stop

    play = stage.server.play({"act": "reset"}, failed(503))
    model = HttpModel(provider=stage.provider(play), model_id="acme/small", wait=waited.append)
    with pytest.raises(type(stop)) as caught:
        replace(model, **{told_in: tell})(question())
    assert caught.value is stop
    assert (caught.value.sends, caught.value.cost_usd, len(play.seen)) == (2, 0.0, 2)
