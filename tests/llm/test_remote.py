"""Requests that another process sends meet the same faults, and none of them goes uncounted."""

import pytest
from fault_cases import CASES, Case
from llm_stage import API_KEY, PATIENCE_S, Stage, answered, longest, question

from gepa_next.elsewhere import Elsewhere
from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.types import Completion
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.http import HttpModel
from gepa_next.llm.provider import Provider
from gepa_next.llm.remote import RemoteTransport, TransportLimits
from gepa_next.llm.throttle import Throttle
from tests.support.elsewhere import at_the_third_try, lost, nowhere, over_the_wire
from tests.support.faults import Play

TIMEOUT_S = 2.0
SOON = [case for case in CASES if case.timeout_s >= TIMEOUT_S and case.stall_s >= TIMEOUT_S]


def model_elsewhere(stage: Stage, play: Play, elsewhere: Elsewhere) -> HttpModel:
    transport = RemoteTransport(elsewhere, TransportLimits(timeout_s=TIMEOUT_S))
    throttle = Throttle(uniform=longest)
    stage.providers.append(Provider(Endpoint(play.base_url, API_KEY), transport=transport, throttle=throttle))
    return stage.on(stage.providers[-1])


def ask(stage: Stage, elsewhere: Elsewhere) -> Completion:
    return model_elsewhere(stage, stage.server.play(answered("Paris")), elsewhere)(question())


@pytest.mark.parametrize("case", SOON, ids=lambda case: case.name)
def test_a_fault_met_elsewhere_ends_as_its_row_says(stage: Stage, case: Case) -> None:
    play = stage.server.play(case.act)
    with pytest.raises(ModelError) as caught:
        model_elsewhere(stage, play, over_the_wire)(case.ask)
    assert f": {case.fault.name} (" in caught.value.message
    assert (caught.value.code, caught.value.sends) == (case.fault.code, case.sends)
    assert len(play.seen) == case.sends


def test_an_answer_from_elsewhere_is_an_answer(stage: Stage) -> None:
    completion = ask(stage, over_the_wire)
    assert (completion.text, completion.usage.sends, completion.flags) == ("Paris", 1, ())


def test_what_was_sent_by_those_that_died_is_counted_as_perhaps_charged(stage: Stage) -> None:
    completion = ask(stage, at_the_third_try)
    assert (completion.text, completion.usage.sends, completion.usage.doubtful) == ("Paris", 3, 2)
    assert "possibly_billed" in completion.flags


def test_nobody_there_is_waited_for_as_an_endpoint_is(stage: Stage) -> None:
    with pytest.raises(ProviderError, match="nobody is there") as caught:
        ask(stage, nowhere)
    assert (caught.value.code, caught.value.sends) == ("provider_down", 0)
    assert stage.time.now >= PATIENCE_S


def test_a_request_that_all_died_over_is_counted_each_time(stage: Stage) -> None:
    with pytest.raises(ModelError, match="all died over it") as caught:
        ask(stage, lost)
    assert caught.value.sends % 4 == 0
    assert caught.value.sends == caught.value.doubtful
