"""Each row of the fault table, provoked by a server that really does it."""

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import urllib3
from fault_cases import CASES, DOORS, MENDED, Case, Door, Mended
from llm_stage import Stage, answered, failed, question

from gepa_next.errors import ModelError, ProviderError
from gepa_next.llm import faults
from gepa_next.llm.classify import classify_exception
from gepa_next.llm.failure import Scope, Wait
from gepa_next.llm.faults import FAULTS
from gepa_next.llm.structured import read_reply
from tests.support.certificates import make_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_ends_as_its_row_says(stage: Stage, case: Case) -> None:
    model, play = stage.model(case.act, timeout_s=case.timeout_s, stall_s=case.stall_s)
    with pytest.raises(ModelError) as caught:
        model(case.ask)
    error = caught.value
    assert f": {case.fault.name} (" in error.message
    assert (error.code, error.sends) == (case.fault.code, case.sends)
    assert isinstance(error, ProviderError) == (case.fault.scope is Scope.JOB)
    assert len(play.seen) == case.sends


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.sends > 1 and case.fault.wait is not Wait.NONE], ids=lambda case: case.name
)
def test_a_fault_that_passes_costs_only_another_send(stage: Stage, case: Case) -> None:
    model, _ = stage.model(case.act, answered("Paris"), timeout_s=max(case.timeout_s, 0.5), stall_s=case.stall_s)
    completion = model(question())
    assert (completion.text, completion.usage.sends) == ("Paris", 2)
    assert ("possibly_billed" in completion.flags) == case.fault.billed


@pytest.mark.parametrize("case", MENDED, ids=lambda case: case.name)
def test_a_fault_that_is_mended_leaves_a_flag(stage: Stage, case: Mended) -> None:
    model, play = stage.model(*case.acts)
    completion = model(case.ask)
    assert (completion.text, completion.flags) == (case.text, (case.fault.code,))
    assert completion.usage.sends == len(play.seen) == len(case.acts)
    assert case.ask.reply_type is None or completion.reply == read_reply(case.text, case.ask.reply_type)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_fault_before_the_request_ends_as_its_row_says(stage: Stage, certificates: Path, door: Door) -> None:
    play = stage.server.play(answered())
    port = stage.server.open_door(door.kind, certificates / f"{door.certificate}.pem")
    url = f"{door.scheme}://{door.host}:{port}/{play.name}/v1"
    model = stage.on(stage.provider(url, connect_s=door.connect_s, ca_file=str(certificates / "ca.pem")))
    with pytest.raises(ProviderError) as caught:
        model(question())
    error = caught.value
    assert f": {door.fault.name} (" in error.message
    assert door.said in error.message
    assert (error.code, error.sends, error.input_tokens) == (door.fault.code, door.sends, 0)
    assert play.seen == []


def test_every_row_is_provoked() -> None:
    provoked = {case.fault for case in (*CASES, *MENDED, *DOORS)}
    elsewhere = {faults.ODD_REQUEST, faults.FORBIDDEN_ADDRESS}  # below, and in tests/llm/test_program.py
    assert provoked | elsewhere == set(FAULTS)


@pytest.mark.parametrize("status", [400, 422])
def test_a_request_refused_by_a_model_that_answers_others_fails_alone(stage: Stage, status: int) -> None:
    model, play = stage.model(answered(), failed(status, {"message": "messages: wrong"}))
    model(question())
    with pytest.raises(ModelError, match=r": odd_request \(status .*messages: wrong") as caught:
        model(question())
    assert (caught.value.code, caught.value.sends, len(play.seen)) == (faults.ODD_REQUEST.code, 1, 2)
    assert not isinstance(caught.value, ProviderError)


def test_a_model_that_never_answered_refuses_for_the_job_whatever_others_do(stage: Stage) -> None:
    model, _ = stage.model(answered(), failed(400))
    model(question())
    with pytest.raises(ProviderError) as caught:
        replace(model, model_id="acme/large")(question())
    assert caught.value.code == faults.BAD_REQUEST.code


def test_names_of_rows_are_unique() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize(
    "error", [UnicodeEncodeError("latin-1", "\u20ac", 0, 1, "no"), urllib3.exceptions.LocationParseError("x")]
)
def test_an_address_that_got_past_the_check_at_start_has_its_row(error: Exception) -> None:
    assert classify_exception(error) is faults.BAD_ADDRESS


@pytest.mark.parametrize("error", [ssl.SSLEOFError(8, "EOF"), ssl.SSLZeroReturnError(6, "closed")])
def test_a_connection_that_closes_behind_tls_is_one_that_closes(error: ssl.SSLError) -> None:
    assert classify_exception(urllib3.exceptions.SSLError(error)) is faults.RESET


def test_a_redirect_gets_neither_key_nor_prompt(stage: Stage) -> None:
    other = stage.server.play(answered())
    model, _ = stage.model(failed(307, location=f"{other.base_url}/chat/completions"))
    with pytest.raises(ProviderError):
        model(question())
    assert other.seen == []


def test_an_error_of_any_depth_is_an_error(stage: Stage) -> None:
    depths = range(850, 1000)  # somewhere here reading it still works and writing it does not
    model, _ = stage.model(*({"status": 400, "body": f'{{"error": {{"code": {"[" * n}{"]" * n}}}}}'} for n in depths))
    codes = []
    for _ in depths:
        with pytest.raises(ModelError) as caught:
            model(question())
        codes.append(caught.value.code)
    assert set(codes) == {"provider_config"}
