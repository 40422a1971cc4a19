"""Each row of the fault table, provoked by a server that really does it."""

import base64
import gzip
import json
import socket
import ssl
from dataclasses import dataclass

import pytest
import urllib3
from llm_stage import Act, Stage, answered, failed, question

from gepa_next.errors import ModelError, ProviderError
from gepa_next.llm import faults
from gepa_next.llm.classify import classify_exception
from gepa_next.llm.faults import FAULTS, Fault, Scope

HEADERS = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
GZIP = {"content-encoding": "gzip"}


def packed(data: bytes) -> Act:
    return {"headers": GZIP, "base64": base64.b64encode(data).decode()}


@dataclass(frozen=True)
class Case:
    name: str
    act: Act
    fault: Fault
    sends: int
    timeout_s: float = 10.0
    stall_s: float = 10.0


def in_200(error: object) -> Act:
    return {"body": json.dumps({"error": error})}


CASES = (
    Case("reset before a byte", {"act": "reset"}, faults.RESET, 5),
    Case("hung up before a byte", {"act": "hang_up"}, faults.RESET, 5),
    Case("stall in the body", {"act": "stall", "raw": HEADERS + "{"}, faults.STALLED, 4, stall_s=0.05),
    Case("no answer at all", {"act": "stall"}, faults.DEADLINE, 3, timeout_s=0.1),
    Case("trickled body", {"act": "trickle", "raw": HEADERS}, faults.DEADLINE, 3, timeout_s=0.1),
    Case("trickled headers", {"act": "trickle", "raw": "HTTP/1.1 200 OK\r\nx: ", "drop": "a"}, faults.DEADLINE, 3, 0.1),
    Case("trickled chunk size",
         {"act": "trickle", "raw": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "drop": "0"},
         faults.DEADLINE, 3, 0.1),
    Case("shorter than announced", answered() | {"cut": 9}, faults.CUT_SHORT, 4),
    Case("cut without a length", answered() | {"cut": 9, "unframed": True}, faults.CUT_SHORT, 4),
    Case("bad chunk", {"chunked": "zz\r\n{}\r\n0\r\n\r\n"}, faults.CUT_SHORT, 4),
    Case("missing last chunk", {"chunked": "2\r\n{}\r\n"}, faults.CUT_SHORT, 4),
    Case("bad gzip", packed(b"not gzip"), faults.CUT_SHORT, 4),
    Case("cut gzip", packed(gzip.compress(b'{"choices": []}' * 9)[:-12]), faults.CUT_SHORT, 4),
    Case("an unasked-for encoding", {"headers": {"content-encoding": "br"}, "body": "{}"}, faults.CUT_SHORT, 4),
    Case("gzip bomb", packed(gzip.compress(bytes(9 * 2**20))), faults.TOO_LARGE, 1),
    Case("endless body", {"body": " " * (9 * 2**20)}, faults.TOO_LARGE, 1),
    Case("html", {"body": "<html>sign in</html>"}, faults.MALFORMED, 3),
    Case("empty body", {"body": ""}, faults.MALFORMED, 3),
    Case("null", {"body": "null"}, faults.MALFORMED, 3),
    Case("204", {"status": 204, "unframed": True}, faults.MALFORMED, 3),
    Case("list", {"body": "[1]"}, faults.MALFORMED, 3),
    Case("100,000 deep", {"body": '{"a":' * 100_000 + "1" + "}" * 100_000}, faults.MALFORMED, 3),
    Case("a 5,000-digit number", {"body": '{"choices":' + "9" * 5000 + "}"}, faults.MALFORMED, 3),
    Case("not UTF-8", packed(gzip.compress(b'{"choices":"\xff"}')), faults.MALFORMED, 3),
    Case("no choices", {"body": '{"choices":[]}'}, faults.MALFORMED, 3),
    Case("no message", {"body": '{"choices":[{}]}'}, faults.MALFORMED, 3),
    Case("no HTTP", {"act": "raw", "raw": "SSH-2.0-OpenSSH\r\n\r\n"}, faults.MALFORMED, 3),
    Case("200 with an error", in_200({"message": "upstream died"}), faults.SERVER_ERROR, 7),
    Case("200 with a bare error", in_200("out of order"), faults.SERVER_ERROR, 7),
    Case("200 with a quota error", in_200({"code": 402, "message": "pay"}), faults.QUOTA, 1),
    Case("200 with a key error", in_200({"code": "401", "message": "key"}), faults.AUTH, 1),
    Case("an error in the choice", {"body": '{"choices":[{"error":{"code":502}}]}'}, faults.SERVER_ERROR, 7),
    Case("finish_reason error", answered(finish_reason="error"), faults.SERVER_ERROR, 7),
    Case("429", failed(429), faults.RATE_LIMITED, 7),
    Case("429 that is a quota", failed(429, {"code": "insufficient_quota"}), faults.QUOTA, 1),
    Case("429 for an hour", failed(429, retry_after="3600"), faults.RATE_LIMITED, 2),
    Case("429 for a day", failed(429, retry_after="86400"), faults.RATE_LIMITED, 1),
    Case("529", failed(529), faults.RATE_LIMITED, 7),
    Case("503 for a while", failed(503, retry_after="1"), faults.RATE_LIMITED, 7),
    Case("overloaded", failed(500, {"type": "overloaded_error"}), faults.RATE_LIMITED, 7),
    Case("429 that never goes away", failed(429, {"message": "Request too large for m"}), faults.CONTEXT_LENGTH, 1),
    Case("402", failed(402), faults.QUOTA, 1),
    Case("401", failed(401), faults.AUTH, 1),
    Case("403", failed(403), faults.AUTH, 1),
    Case("403 by a filter", failed(403, {"message": "Your input was flagged"}), faults.REFUSED, 1),
    Case("404", failed(404, {"message": "no such model"}), faults.NO_MODEL, 1),
    Case("400", failed(400, {"message": "messages: wrong"}), faults.BAD_REQUEST, 1),
    Case("422", failed(422), faults.BAD_REQUEST, 1),
    Case("400 too long", failed(400, {"code": "context_length_exceeded"}), faults.CONTEXT_LENGTH, 1),
    Case("400 too long, says vLLM",
         {"status": 400, "body": '{"object":"error","message":"maximum context length is 8192 tokens"}'},
         faults.CONTEXT_LENGTH, 1),
    Case("413", failed(413), faults.CONTEXT_LENGTH, 1),
    *(Case(str(status), failed(status), faults.SERVER_ERROR, 7)
      for status in (408, 409, 500, 502, 503, 504, 520, 521, 522, 523, 524)),
    Case("503 that speaks of moderation", failed(503, {"message": "moderation is down"}), faults.SERVER_ERROR, 7),
    Case("redirect", failed(307, location="/elsewhere"), faults.REDIRECT, 1),
    Case("refusal", answered(None, refusal="I will not"), faults.REFUSED, 1),
    Case("content filter", answered("", finish_reason="content_filter"), faults.REFUSED, 1),
    Case("empty answer", answered(""), faults.EMPTY, 1),
    Case("null answer", answered(None), faults.EMPTY, 1),
    Case("nothing but reasoning", answered("<think>hm"), faults.EMPTY, 1),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_ends_as_its_row_says(stage: Stage, case: Case) -> None:
    model, play = stage.model(case.act, timeout_s=case.timeout_s, stall_s=case.stall_s)
    with pytest.raises(ModelError) as caught:
        model(question())
    error = caught.value
    assert f": {case.fault.name} (" in error.message
    assert (error.code, error.sends) == (case.fault.code, case.sends)
    assert isinstance(error, ProviderError) == (case.fault.scope is Scope.JOB)
    assert len(play.seen) == case.sends


@pytest.mark.parametrize("case", [case for case in CASES if case.sends > 1], ids=lambda case: case.name)
def test_a_fault_that_passes_costs_only_another_send(stage: Stage, case: Case) -> None:
    model, _ = stage.model(case.act, answered("Paris"), timeout_s=max(case.timeout_s, 0.5), stall_s=case.stall_s)
    completion = model(question())
    assert (completion.text, completion.usage.sends) == ("Paris", 2)
    assert ("possibly_billed" in completion.flags) == case.fault.billed


def test_every_row_is_provoked() -> None:
    elsewhere = {faults.UNREACHABLE, faults.BAD_ADDRESS, faults.UNSUPPORTED, faults.TRUNCATED, faults.MALFORMED_REPLY}
    assert {case.fault for case in CASES} == set(FAULTS) - elsewhere


def test_names_of_rows_are_unique() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_a_connection_that_is_refused_for_too_long_ends_the_job_and_counts_no_request(stage: Stage) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        model = stage.on(stage.provider(f"http://127.0.0.1:{closed.getsockname()[1]}/v1"))
        with pytest.raises(ProviderError) as caught:
            model(question())
    assert (caught.value.code, caught.value.sends) == ("provider_down", 0)
    assert stage.time.now == pytest.approx(31.5, abs=0.1)
    assert "(Connection refused)" in caught.value.message


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (urllib3.exceptions.NameResolutionError("host", None, socket.gaierror()), faults.UNREACHABLE),
        (urllib3.exceptions.ConnectTimeoutError(), faults.UNREACHABLE),
        (UnicodeEncodeError("latin-1", "\u20ac", 0, 1, "no"), faults.BAD_ADDRESS),
        (urllib3.exceptions.LocationParseError("x"), faults.BAD_ADDRESS),
        (urllib3.exceptions.SSLError(ssl.SSLCertVerificationError()), faults.BAD_ADDRESS),
        (urllib3.exceptions.SSLError(ssl.SSLEOFError()), faults.UNREACHABLE),
    ],
)
def test_an_exception_that_loopback_cannot_provoke_has_its_row(error: Exception, fault: Fault) -> None:
    assert classify_exception(error) is fault


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


def test_a_redirect_gets_neither_key_nor_prompt(stage: Stage) -> None:
    other = stage.server.play(answered())
    model, _ = stage.model(failed(307, location=f"{other.base_url}/chat/completions"))
    with pytest.raises(ProviderError):
        model(question())
    assert other.seen == []


def test_an_error_does_not_repeat_the_key(stage: Stage) -> None:
    model, _ = stage.model(failed(401, {"message": "wrong key sk-canary-5c1f"}))
    with pytest.raises(ProviderError) as caught:
        model(question())
    assert "sk-canary" not in caught.value.message
    assert "wrong key" in caught.value.message
