"""Connections are kept, replaced when they are stale, and never carry an answer to the wrong question."""

import socket
from pathlib import Path

import pytest
from fault_cases import HEADERS, Case, stall, trickle
from llm_stage import Act, Stage, answered, question

from gepa_next.errors import ModelError, ProviderError
from gepa_next.llm import faults
from tests.support.certificates import make_certificates

SECOND = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_a_connection_that_is_refused_for_too_long_ends_the_job_and_counts_no_request(stage: Stage) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        model = stage.on(stage.provider(f"http://127.0.0.1:{closed.getsockname()[1]}/v1"))
        with pytest.raises(ProviderError) as caught:
            model(question())
    assert (caught.value.code, caught.value.sends) == ("provider_down", 0)
    assert stage.time.now == pytest.approx(31.5, abs=0.1)
    assert "(Connection refused)" in caught.value.message


def test_a_request_that_is_not_taken_stalls(stage: Stage) -> None:
    url = f"http://127.0.0.1:{stage.server.open_door('deaf')}/v1"
    model = stage.on(stage.provider(url, connect_s=0.05))
    with pytest.raises(ModelError) as caught:
        model(question(text="x" * 2**24))
    assert (caught.value.code, caught.value.sends) == ("timeout", 4)


def test_a_stale_connection_is_replaced_at_no_cost(stage: Stage) -> None:
    model, play = stage.model(answered(), {"act": "reset"}, answered("again"))
    model(question())
    assert model(question()).text == "again"
    first, stale, fresh = (request["connection"] for request in play.seen)
    assert first == stale != fresh
    assert stage.waits == []


def test_a_fresh_connection_is_none_of_those_kept(stage: Stage) -> None:
    play = stage.server.play(answered())
    provider = stage.provider(play)
    for fresh in (False, True, False):
        provider.send({}, request_id="x", fresh=fresh, permit=lambda: None)
    kept, fresh, again = (request["connection"] for request in play.seen)
    assert kept == again != fresh


@pytest.mark.parametrize(
    "act",
    [
        answered() | {"after": SECOND},
        answered() | {"after": SECOND[:20]},
        answered() | {"after": SECOND * 1000},
        answered() | {"first": "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"},
        answered() | {"first": "HTTP/1.1 100 Continue\r\n\r\n" * 3},
    ],
    ids=["another answer after it", "half an answer", "a thousand", "early hints before it", "100s before it"],
)
def test_what_stands_around_an_answer_is_nobody_elses(stage: Stage, act: Act) -> None:
    model, _ = stage.model(act, answered("second"), answered("third"))
    assert [model(question()).text for _ in range(3)] == ["Paris", "second", "third"]


def test_a_connection_that_gave_the_answer_to_another_request_is_not_used_again(stage: Stage) -> None:
    crossed = answered("another's") | {"headers": {"x-client-request-id": "0" * 64}}
    model, play = stage.model(answered(), crossed, answered("mine"))
    model(question())
    assert model(question()).text == "mine"
    first, second, third = (request["connection"] for request in play.seen)
    assert first == second != third


def test_an_id_that_is_none_of_ours_does_no_harm(stage: Stage) -> None:
    model, _ = stage.model(answered() | {"headers": {"x-client-request-id": "trace-1"}})
    assert model(question()).usage.sends == 1


def test_tls_is_spoken_with_those_who_are_trusted(stage: Stage, certificates: Path) -> None:
    play = stage.server.play(answered("Paris"))
    model = stage.on(stage.provider(behind_tls(stage, certificates, play.name), ca_file=str(certificates / "ca.pem")))
    assert [model(question()).text, model(question()).text] == ["Paris", "Paris"]
    first, second = (request["connection"] for request in play.seen)
    assert first == second


TLS_CASES = (
    Case("trickled body", trickle(HEADERS, " "), faults.DEADLINE, 3, timeout_s=0.2),
    Case("trickled headers", trickle("HTTP/1.1 200 OK\r\nx: ", "a"), faults.DEADLINE, 3, timeout_s=0.2),
    Case("stall before the headers", stall(), faults.DEADLINE, 3, timeout_s=0.2),
    Case("stall in the body", stall(HEADERS + "{"), faults.STALLED, 4, stall_s=0.05),
    Case("hung up in the body", {"act": "raw", "raw": HEADERS + "{"}, faults.CUT_SHORT, 4),
    Case("hung up before a byte", {"act": "hang_up"}, faults.RESET, 5),
    Case("garbage before the headers", {"act": "scribble", "raw": ""}, faults.CUT_SHORT, 4),
    Case("garbage in the headers", {"act": "scribble", "raw": "HTTP/1.1 200 OK\r\nx: "}, faults.CUT_SHORT, 4),
    Case("garbage in the body", {"act": "scribble", "raw": HEADERS + "{"}, faults.CUT_SHORT, 4),
)


@pytest.mark.parametrize("case", TLS_CASES, ids=lambda case: case.name)
def test_a_fault_inside_tls_ends_as_its_row_says(stage: Stage, certificates: Path, case: Case) -> None:
    play = stage.server.play(case.act)
    limits = {"timeout_s": case.timeout_s, "stall_s": case.stall_s, "ca_file": str(certificates / "ca.pem")}
    model = stage.on(stage.provider(behind_tls(stage, certificates, play.name), **limits))
    with pytest.raises(ModelError) as caught:
        model(question())
    assert f": {case.fault.name} (" in caught.value.message
    assert (caught.value.sends, len(play.seen)) == (case.sends, case.sends)
    assert (caught.value.input_tokens > 0) == case.fault.billed


def behind_tls(stage: Stage, certificates: Path, name: str) -> str:
    return f"https://127.0.0.1:{stage.server.open_door('tls', certificates / 'good.pem')}/{name}/v1"
