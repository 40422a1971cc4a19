"""A model that refuses its first request is asked something simple before that is believed of all."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace

import pytest
from llm_stage import Act, Play, Stage, answered, failed, question

from gepa_next.errors import Interrupted, ModelError, ProviderError
from gepa_next.gepa.replies import JudgeReply
from gepa_next.gepa.types import Role
from gepa_next.llm import faults
from gepa_next.llm.failure import Fault
from gepa_next.llm.http import HttpModel
from gepa_next.llm.probe import PROBE, Probing

ODD = failed(400, {"message": "messages: wrong"})
TIMEOUT_S = 30.0


def end_of(model: HttpModel, text: str = "odd") -> ModelError:
    with pytest.raises(ModelError) as caught:
        model(question(text=text, max_tokens=50))
    return caught.value


def probes(play: Play) -> list[dict[str, object]]:
    return [body for body in play.bodies if body["messages"] == [{"role": "user", "content": PROBE[0].content}]]


def test_the_first_request_of_a_model_that_answers_a_simple_one_fails_alone(stage: Stage) -> None:
    model, play = stage.model(ODD, answered())
    error = end_of(model)
    assert ": odd_request (status 400: messages: wrong)" in error.message
    assert (error.code, isinstance(error, ProviderError)) == (faults.ODD_REQUEST.code, False)
    odd, probe = play.bodies
    assert probe == {**odd, "messages": [{"role": "user", "content": "Say yes."}]}


def test_what_the_simple_question_took_is_billed_with_the_call(stage: Stage) -> None:
    stated = {"prompt_tokens": 7, "completion_tokens": 3, "cost": 0.25}
    model, _ = stage.model(ODD, answered(usage=stated))
    error = end_of(model)
    assert (error.sends, error.input_tokens, error.output_tokens, error.cost_usd) == (2, 7, 3, 0.25)


def test_a_model_that_answered_the_simple_question_is_not_asked_it_again(stage: Stage) -> None:
    model, play = stage.model(ODD, answered(), ODD)
    assert [end_of(model).sends, end_of(model).sends] == [2, 1]
    assert len(probes(play)) == 1


def test_a_judge_is_asked_the_simple_question_in_no_form(stage: Stage) -> None:
    model, play = stage.model(ODD, ODD, answered())
    with pytest.raises(ModelError, match="odd_request"):
        model(question(Role.JUDGE, reply_type=JudgeReply))
    assert ["response_format" in body for body in play.bodies] == [True, False, False]


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        (failed(422), faults.BAD_REQUEST),
        (failed(401), faults.AUTH),
        (failed(404), faults.NO_MODEL),
        (failed(503), faults.SERVER_ERROR),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_becomes_of_the_simple_question_decides(stage: Stage, act: Act, fault: Fault) -> None:
    model, _ = stage.model(ODD, act)
    error = end_of(model)
    assert (error.code, isinstance(error, ProviderError)) == (fault.code, fault is not faults.SERVER_ERROR)
    assert f": {fault.name} (" in error.message


def test_a_model_that_answered_another_process_is_asked_nothing_more(stage: Stage) -> None:
    model, play = stage.model(ODD)
    error = end_of(replace(model, proven=lambda: True))
    assert (error.code, error.sends, len(play.seen)) == (faults.ODD_REQUEST.code, 1, 1)


def test_nobody_looks_for_earlier_answers_while_requests_are_taken(stage: Stage) -> None:
    model, _ = stage.model(failed(503), answered(), ODD)
    looked: list[bool] = []
    model = replace(model, proven=lambda: bool(looked.append(True)))
    model(question())
    assert (end_of(model).code, looked) == (faults.ODD_REQUEST.code, [])


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_of_many_refused_at_once_one_asks_the_simple_question(stage: Stage, pool: ThreadPoolExecutor) -> None:
    play = stage.server.play_by_words((["odd"], [ODD]), ([PROBE[0].content], [answered()]))
    model = stage.on(stage.provider(play))
    together = threading.Barrier(8)

    def ask(_: int) -> str:
        together.wait(TIMEOUT_S)
        return end_of(model).code

    assert set(pool.map(ask, range(8), timeout=TIMEOUT_S)) == {faults.ODD_REQUEST.code}
    assert len(probes(play)) == 1


def test_who_waits_for_the_probe_of_another_does_so_aside_and_may_be_let_go(pool: ThreadPoolExecutor) -> None:
    probing, asides = Probing(), []

    def let_go() -> None:
        raise Interrupted("let_go", "the job was cancelled")

    def aside() -> nullcontext[None]:
        asides.append(True)
        return nullcontext()

    def probe() -> None:
        with probing.alone("m", permit=let_go, aside=aside):
            raise AssertionError("somebody else is probing")

    with probing.alone("m", permit=let_go, aside=nullcontext):
        assert isinstance(pool.submit(probe).exception(TIMEOUT_S), Interrupted)
        with probing.alone("another", permit=let_go, aside=nullcontext):
            pass
    assert asides == [True]
    with probing.alone("m", permit=let_go, aside=nullcontext):
        pass
