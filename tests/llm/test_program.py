"""A program is asked as a model is, and a bad answer of it is a fault of the same table."""

import json
from dataclasses import dataclass

import pytest
from llm_stage import Act, Play, Stage, failed, longest

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.replies import ProgramReply
from gepa_next.gepa.types import CallUsage, Message, ModelCall, Role
from gepa_next.llm.peers import is_public, is_public_or_private
from gepa_next.llm.pricing import FREE, Prices
from gepa_next.llm.program import LONGEST_REMARK, ProgramModel, Programs
from gepa_next.llm.program_urls import ProgramEndpoint, ProgramUrls
from gepa_next.llm.provider import Provider
from gepa_next.llm.structured import read_reply
from gepa_next.llm.throttle import Throttle
from gepa_next.llm.transport import Transport
from gepa_next.llm.turnstile import Lane, Turnstile

PROMPTS = {"find": "Find it.", "say": "Say it."}


def url_of(play: Play) -> str:
    return f"{play.base_url}/run/"


def program(stage: Stage, *acts: Act, **limits: float) -> tuple[ProgramModel, Play]:
    play = stage.server.play(*acts)
    url = url_of(play)
    transport = Transport(**{"timeout_s": 10.0, "connect_s": 2.0, "admits": is_public_or_private, **limits})
    throttle = Throttle(uniform=longest)
    provider = Provider(ProgramEndpoint(url), transport=transport, prices=Prices({url: FREE}), throttle=throttle)
    stage.providers.append(provider)
    lane = Lane(Turnstile(patience_s=31.0, clock=stage.time.clock, nap=stage.time.nap), throttle)
    return ProgramModel(provider=provider, model_id=url, wait=stage.waits.append, lane=lane), play


def said(**answer: object) -> Act:
    return {"body": json.dumps(answer)}


def asked() -> ModelCall:
    given = json.dumps({"prompts": PROMPTS, "example_id": "e1"})
    messages = (Message("system", given), Message("user", "Capital?"))
    return ModelCall(role=Role.TARGET, key="target/0/e1", messages=messages, reply_type=ProgramReply)


def reply_to(stage: Stage, act: Act) -> ProgramReply:
    reply = program(stage, act)[0](asked()).reply
    assert isinstance(reply, ProgramReply)
    return reply


def test_it_gets_components_input_and_id_at_its_url_and_no_key(stage: Stage) -> None:
    model, play = program(stage, said(output="Paris"))
    model(asked())
    request = play.seen[0]
    assert json.loads(request["body"]) == {"prompts": PROMPTS, "example_id": "e1", "input": "Capital?"}
    assert request["path"].endswith("/run/")
    assert "authorization" not in request["headers"]
    assert len(request["headers"]["idempotency-key"]) == 64


def test_it_answers_with_output_score_feedback_and_trace(stage: Stage) -> None:
    reply = reply_to(stage, said(output="Paris", score=0.5, feedback="Good.", trace={"hops": [1, "é"]}, more="?"))
    assert reply == ProgramReply(output="Paris", score=0.5, feedback="Good.", trace='{"hops": [1, "é"]}')
    assert reply_to(stage, said(output="")) == ProgramReply(output="")


def test_it_costs_a_call_and_nothing_else(stage: Stage) -> None:
    model, _ = program(stage, said(output="Paris"))
    assert model(asked()).usage == CallUsage(sends=1, input_tokens=0, output_tokens=0, cost_usd=0.0)
    model, _ = program(stage, {"body": "<html>"}, said(output="Paris"))
    answer = model(asked())
    assert answer.usage == CallUsage(sends=2, input_tokens=0, output_tokens=0, cost_usd=0.0)
    assert "possibly_billed" in answer.flags


@pytest.mark.parametrize(
    "output",
    [
        "x</think>y",
        "<think>x",
        "[/think]",
        "```json\n{}\n```",
        '{"output": "z"}',
        "NUL \0 and \ud800",
        "\n",
        "é{input}",
    ],
)
def test_the_ledger_reads_the_same_answer_again(stage: Stage, output: str) -> None:
    answer = program(stage, said(output=output, score=1, feedback=output, trace=[output]))[0](asked())
    assert read_reply(answer.text, ProgramReply) == answer.reply
    assert isinstance(answer.reply, ProgramReply)
    assert answer.reply.output == output.replace("\0", "\ufffd").replace("\ud800", "\ufffd")


@pytest.mark.parametrize(
    ("stated", "read"),
    [("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1e999", "1e999"), ("true", "true"), ('"0.9"', "0.9"), ("7", 7),
     ("-0.5", -0.5), ("null", None), ('{"a": 1}', '{"a": 1}'), ('"' + "9" * 99 + '"', "9" * 40)],
)  # fmt: skip
def test_what_is_no_number_is_kept_as_words_and_no_number_is_made_of_it(
    stage: Stage, stated: str, read: object
) -> None:
    model, _ = program(stage, {"body": f'{{"output": "x", "score": {stated}}}'})
    answer = model(asked())
    assert isinstance(answer.reply, ProgramReply)
    assert (answer.reply.score, type(answer.reply.score)) == (read, type(read))
    assert read_reply(answer.text, ProgramReply) == answer.reply


def test_remarks_are_cut(stage: Stage) -> None:
    reply = reply_to(stage, said(output="x", trace="t" * 50_000, feedback=["f" * 50_000]))
    assert (len(reply.trace), len(reply.feedback)) == (LONGEST_REMARK, LONGEST_REMARK)


@dataclass(frozen=True)
class Case:
    name: str
    act: Act
    code: str
    sends: int
    ends_job: bool = False
    timeout_s: float = 10.0


CASES = (
    Case("hangs", {"act": "stall"}, "timeout", 3, timeout_s=0.1),
    Case("trickles", {"act": "trickle", "raw": "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"}, "timeout", 3,
         timeout_s=0.1),
    Case("html", {"body": '<html><script>{"output": "x"}</script></html>'}, "malformed", 3),
    Case("prose around an object", {"body": 'Here: {"output": "x"}'}, "malformed", 3),
    Case("nothing", {"body": ""}, "malformed", 3),
    Case("a text", {"body": '"x"'}, "malformed", 3),
    Case("a list", {"body": '[{"output": "x"}]'}, "malformed", 3),
    Case("no output", said(score=1.0), "malformed", 3),
    Case("an output that is no text", said(output={"a": 1}), "malformed", 3),
    Case("too deep", {"body": '{"output":"x","trace":' + "[" * 100_000 + "]" * 100_000 + "}"}, "malformed", 3),
    Case("deep enough to read and not to write", {"body": '{"output":"x","trace":' + "[" * 990 + "]" * 990 + "}"},
         "malformed", 3),
    Case("cut short", said(output="x") | {"cut": 3}, "broken_body", 4),
    Case("too large", {"body": " " * (9 * 2**20)}, "answer_too_large", 1),
    Case("hangs up", {"act": "hang_up"}, "connection_lost", 5),
    Case("an error inside", said(error="out of order"), "server_error", 7),
    Case("500", failed(500), "server_error", 7),
    Case("429", failed(429), "rate_limited", 7, ends_job=True),
    Case("404", failed(404), "provider_config", 1, ends_job=True),
    Case("400", failed(400, {"message": "what?"}), "provider_config", 1, ends_job=True),
    Case("401", failed(401), "provider_auth", 1, ends_job=True),
    Case("redirect", failed(307, location="/elsewhere"), "provider_config", 1, ends_job=True),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_answer_is_a_fault_as_a_provider_s(stage: Stage, case: Case) -> None:
    model, play = program(stage, case.act, timeout_s=case.timeout_s)
    with pytest.raises(ModelError) as caught:
        model(asked())
    error = caught.value
    assert (error.code, error.sends, isinstance(error, ProviderError)) == (case.code, case.sends, case.ends_job)
    assert len(play.seen) == case.sends
    assert (error.input_tokens, error.cost_usd) == (0, 0.0)
    assert error.message.startswith(url_of(play))
    assert "program" in error.message


def test_a_program_at_an_address_that_is_not_allowed_ends_the_job_and_is_sent_nothing(stage: Stage) -> None:
    model, play = program(stage, said(output="x"), admits=is_public)
    with pytest.raises(ProviderError) as caught:
        model(asked())
    assert (caught.value.code, caught.value.sends) == ("forbidden_address", 0)
    assert "PROGRAM_PRIVATE_ADDRESSES" in caught.value.message
    assert play.seen == []


def programs(*allowed: str) -> Programs:
    urls = ProgramUrls(allowed)
    return Programs(urls, admits=is_public, timeout_s=1.0, connections=1, most_at_once=1)


def test_jobs_share_what_is_known_of_a_program() -> None:
    called = programs("https://example.org/")
    one = called.provider("https://example.org/a")
    assert called.provider("https://example.org/a") is one
    assert called.provider("https://example.org/b") is not one


def test_what_nobody_calls_any_more_is_forgotten() -> None:
    called = programs("https://example.org/")
    for number in range(50):
        called.provider(f"https://example.org/{number}")
    assert len(called._called) <= 1


def test_a_program_that_is_not_allowed_any_more_ends_the_job() -> None:
    with pytest.raises(ProviderError) as caught:
        programs("https://example.org/a").provider("https://example.org/b")
    assert (caught.value.code, caught.value.sends) == ("program_not_allowed", 0)
