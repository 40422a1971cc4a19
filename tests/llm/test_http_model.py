"""A call is asked as the model takes it, and its answer comes back whole, counted and priced."""

import gzip
import json
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from fault_cases import NO_ROOM, TOO_MANY_TOKENS
from llm_stage import Act, Stage, answered, failed, question

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.replies import JudgeReply, PromptReply
from gepa_next.gepa.types import CallUsage, Role
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.http import HttpModel
from gepa_next.llm.pricing import Prices
from gepa_next.llm.provider import Provider
from gepa_next.llm.structured import reply_schema
from tests.support.certificates import make_certificates

GOOD = '{"feedback": "right", "score": 7}'
BODY = answered("Paris")["body"].encode()
PRICES = Prices.from_mapping({"acme/small": {"input": 2.0, "output": 10.0}})
JUDGING = question(Role.JUDGE, reply_type=JudgeReply)
REFLECTING = question(Role.REFLECTOR, reply_type=PromptReply, max_tokens=100)
REFLECTED = '{"lesson": "a", "prompt": "b"}'


def test_a_call_is_sent_as_it_is(stage: Stage) -> None:
    model, play = stage.model(answered())
    model(question(max_tokens=50))
    messages = [{"role": "system", "content": "Answer."}, {"role": "user", "content": "Capital?"}]
    assert play.bodies == [{"model": "acme/small", "messages": messages, "temperature": 0.5, "max_tokens": 50}]
    assert play.seen[0]["path"] == f"/{play.name}/v1/chat/completions"
    assert play.seen[0]["headers"]["authorization"] == "Bearer sk-canary-5c1f"


def test_an_answer_comes_back_counted(stage: Stage) -> None:
    model, _ = stage.model(answered("Paris"), prices=PRICES)
    completion = model(question())
    assert completion.text == "Paris"
    assert completion.usage == CallUsage(sends=1, input_tokens=7, output_tokens=3, cost_usd=pytest.approx(44e-6))
    assert completion.flags == ()


@pytest.mark.parametrize(
    "packed", [gzip.compress(BODY), gzip.compress(BODY[:30]) + gzip.compress(BODY[30:]), gzip.compress(BODY) + b"\0\0"]
)
def test_a_packed_answer_is_unpacked(stage: Stage, packed: bytes) -> None:
    model, play = stage.model({"headers": {"content-encoding": "gzip"}, "base64": b64encode(packed).decode()})
    assert model(question()).text == "Paris"
    assert play.seen[0]["headers"]["accept-encoding"] == "gzip"


def test_a_byte_order_mark_does_no_harm(stage: Stage) -> None:
    model, _ = stage.model({"body": "\ufeff" + answered("Paris")["body"]})
    assert model(question()).text == "Paris"


def test_cookies_are_not_kept(stage: Stage) -> None:
    cookie = {"set-cookie": "a=b; path=/"}
    model, play = stage.model(answered() | {"headers": cookie})
    model(question())
    model(question())
    assert [request["headers"].get("cookie") for request in play.seen] == [None, None]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment_is_not_used(stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    model, _ = stage.model(answered())
    assert model(question()).usage.sends == 1


@pytest.mark.parametrize("name", [".netrc", "_netrc", "elsewhere"])
def test_a_netrc_lends_no_key(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    if name == "elsewhere":
        monkeypatch.setenv("NETRC", str(tmp_path / name))
    play = stage.server.play(answered())
    for key, sent in (("sk-canary", "Bearer sk-canary"), ("", None)):
        provider = Provider(Endpoint(play.base_url, key))
        HttpModel(provider=provider, model_id="m")(question())
        provider.close()
        assert play.seen[-1]["headers"].get("authorization") == sent


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_of_the_environment_are_not_trusted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    made = make_certificates(tmp_path)
    monkeypatch.setenv(name, str(made / "ca.pem"))
    port = stage.server.open_door("tls", made / "good.pem")
    with pytest.raises(ProviderError, match="certificate"):
        stage.on(stage.provider(f"https://127.0.0.1:{port}/v1"))(question())


def test_retries_carry_the_same_id_and_other_questions_another(stage: Stage) -> None:
    model, play = stage.model(failed(503), answered("no JSON"), answered(GOOD))
    model(JUDGING)
    first, retry, reask = (request["headers"]["idempotency-key"] for request in play.seen)
    assert first == retry != reask
    assert first == play.seen[0]["headers"]["x-client-request-id"]


def test_the_same_call_of_another_job_has_another_id(stage: Stage) -> None:
    play = stage.server.play(answered())
    provider = stage.provider(play)
    for job in ("one", "two"):
        HttpModel(provider=provider, model_id="m", request_id=lambda call, job=job: f"{job}/{call.key}")(question())
    one, two = (request["headers"]["idempotency-key"] for request in play.seen)
    assert one != two


def test_a_judge_is_asked_for_json(stage: Stage) -> None:
    model, play = stage.model(answered(GOOD))
    assert model(JUDGING).reply == JudgeReply(feedback="right", score=7)
    schema = {"name": "JudgeReply", "strict": True, "schema": reply_schema(JudgeReply)}
    assert play.bodies[0]["response_format"] == {"type": "json_schema", "json_schema": schema}


def test_a_model_without_response_format_is_asked_more_simply_for_good(stage: Stage) -> None:
    no = failed(400, {"message": "response_format is not supported", "param": "response_format"})
    model, play = stage.model(no, failed(422, {"message": "json_object unavailable"}), answered(GOOD))
    first, second = model(JUDGING), model(JUDGING)
    assert [body.get("response_format", {}).get("type") for body in play.bodies] == [
        "json_schema", "json_object", None, None,
    ]  # fmt: skip
    assert (first.usage.sends, second.usage.sends) == (3, 1)


@pytest.mark.parametrize(
    ("refusal", "gone", "instead"),
    [
        ("Unsupported value: 'temperature' does not support 0.5", "temperature", None),
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'", "max_tokens", "max_completion_tokens"),
    ],
)
def test_an_unsupported_parameter_is_left_out_for_good(
    stage: Stage, refusal: str, gone: str, instead: str | None
) -> None:
    model, play = stage.model(failed(400, {"message": refusal}), answered())
    model(question(max_tokens=50))
    model(question(max_tokens=50))
    before, *after = play.bodies
    assert gone in before
    assert [gone in body for body in after] == [False, False]
    assert instead is None or [body[instead] for body in after] == [50, 50]


def test_a_limit_on_tokens_is_never_dropped(stage: Stage) -> None:
    model, play = stage.model(failed(400, {"message": "max_tokens is not supported"}))
    with pytest.raises(ProviderError):
        model(question(max_tokens=50))
    assert [body.get("max_tokens", body.get("max_completion_tokens")) for body in play.bodies] == [50] * 4


def test_a_limit_that_is_too_high_is_not_called_by_another_name(stage: Stage) -> None:
    model, play = stage.model(failed(400, {"message": "max_tokens is too large"}))
    with pytest.raises(ProviderError):
        model(question(max_tokens=50))
    assert [body["max_tokens"] for body in play.bodies] == [50, 50]  # the second asks for nothing else


@pytest.mark.parametrize(
    ("words", "limits"),
    [
        ("max_tokens is too large: 4096. This model supports at most 3000.", [4096, 3000, 3000]),
        ("max_tokens is too large", [4096, 2048, 2048]),
    ],
)
def test_the_highest_limit_that_a_model_takes_is_remembered(stage: Stage, words: str, limits: list[int]) -> None:
    model, play = stage.model(failed(400, {"message": words}), answered(REFLECTED))
    for _ in range(2):
        assert model(replace(REFLECTING, max_tokens=4096)).flags == ("parameter_left_out",)
    assert model(replace(REFLECTING, max_tokens=1000)).flags == ()
    assert [body["max_tokens"] for body in play.bodies] == [*limits, 1000]


def test_a_limit_that_was_named_and_is_refused_too_is_halved(stage: Stage) -> None:
    refusals = (failed(400, {"message": f"max_tokens is too high for acme-{n}"}) for n in (4095, 4094))
    model, play = stage.model(*refusals, answered(REFLECTED))
    model(replace(REFLECTING, max_tokens=4096))
    assert [body["max_tokens"] for body in play.bodies] == [4096, 4095, 2047]


@pytest.mark.parametrize("words", NO_ROOM.values())
def test_a_limit_is_lowered_to_what_the_input_leaves_of_the_context_for_that_call_alone(
    stage: Stage, words: str
) -> None:
    model, play = stage.model(failed(400, {"message": words}), answered(REFLECTED))
    model(replace(REFLECTING, max_tokens=4096))
    model(replace(REFLECTING, max_tokens=4096))
    assert [body["max_tokens"] for body in play.bodies] == [4096, 3596, 4096]


@pytest.mark.parametrize("words", [TOO_MANY_TOKENS["OpenAI"], NO_ROOM["vLLM"]])
def test_a_reflection_cut_at_the_highest_limit_there_is_is_not_bought_again(stage: Stage, words: str) -> None:
    refusal, cut = failed(400, {"message": words}), answered("{", finish_reason="length")
    model, play = stage.model(refusal, cut, refusal)
    with pytest.raises(ModelError, match=r"at \d+ tokens, and the model takes no more") as caught:
        model(replace(REFLECTING, max_tokens=4096))
    assert (caught.value.code, caught.value.output_tokens) == ("truncated", 3)
    assert len(play.seen) <= 3


def test_a_temperature_of_0_that_is_refused_is_left_out_for_good_and_no_other_is(stage: Stage) -> None:
    model, play = stage.model(failed(422, {"message": "`temperature` must be strictly positive"}), answered(GOOD))
    for temperature in (0.0, 0.0, 0.5):
        model(replace(JUDGING, temperature=temperature))
    assert [body.get("temperature") for body in play.bodies] == [0.0, None, None, 0.5]


def test_all_that_a_model_does_not_take_is_remembered(stage: Stage) -> None:
    words = ("temperature unsupported", "max_tokens unsupported", "response_format unsupported")
    model, play = stage.model(*(failed(400, {"message": each}) for each in words), answered(REFLECTED))
    reflecting = replace(REFLECTING, temperature=0.5)
    model(reflecting)
    model(reflecting)
    assert ["response_format" in body for body in play.bodies] == [True] * 5
    assert [body.keys() - {"model", "messages", "response_format"} for body in play.bodies] == [
        {"temperature", "max_tokens"}, {"max_tokens"}, *[{"max_completion_tokens"}] * 3,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "refusal",
    [
        {"message": "temperature: Input should be less than or equal to 1"},
        {"message": "Invalid 'temperature': decimal above maximum value.", "param": "temperature"},
        {"message": "Only 0 to 1", "param": "temperature", "code": "decimal_above_max_value"},
        {"message": "The answer has no temperature."},
    ],
)
def test_a_value_out_of_range_and_a_word_in_passing_take_no_parameter_away(
    stage: Stage, refusal: dict[str, str]
) -> None:
    model, play = stage.model(failed(400, refusal), failed(400, refusal), answered())
    with pytest.raises(ProviderError):
        model(question())
    model(question())
    assert [body["temperature"] for body in play.bodies] == [0.5, 0.5, 0.5]


def test_what_did_not_help_is_not_remembered(stage: Stage) -> None:
    no_temperature = failed(400, {"message": "temperature unsupported"})
    wrong = failed(400, {"message": "messages: wrong"})
    model, play = stage.model(no_temperature, wrong, wrong, answered())
    with pytest.raises(ProviderError):
        model(question())
    model(question())
    assert ["temperature" in body for body in play.bodies] == [True, False, True, True]


@pytest.mark.parametrize("refusal", [failed(400), failed(422, {"message": "Invalid request"})])
def test_a_refusal_that_names_nothing_is_tried_once_without_a_form(stage: Stage, refusal: Act) -> None:
    model, play = stage.model(refusal, answered(GOOD))
    model(JUDGING)
    model(JUDGING)
    assert ["response_format" in body for body in play.bodies] == [True, False, False]


def test_a_form_that_the_model_takes_is_kept_whatever_it_refuses(stage: Stage) -> None:
    model, play = stage.model(answered(GOOD), failed(400), answered(GOOD))
    model(JUDGING)
    with pytest.raises(ModelError, match="odd_request"):
        model(JUDGING)
    model(JUDGING)
    assert ["response_format" in body for body in play.bodies] == [True] * 3


def test_a_grammar_that_the_server_cannot_make_is_asked_for_more_simply(stage: Stage) -> None:
    model, play = stage.model(failed(500, {"message": "failed to parse grammar"}), answered(GOOD))
    model(JUDGING)
    model(JUDGING)
    assert [body["response_format"]["type"] for body in play.bodies] == ["json_schema", "json_object", "json_object"]


def test_what_one_model_does_not_take_is_still_sent_to_others(stage: Stage) -> None:
    model, play = stage.model(failed(400, {"message": "temperature is deprecated"}), answered())
    model(question())
    replace(model, model_id="acme/large")(question())
    assert ["temperature" in body for body in play.bodies] == [True, False, True]


@pytest.mark.parametrize(
    "said",
    [
        f"```json\n{GOOD}\n```",
        f"My verdict is {GOOD} and that is all.",
        "{'feedback': 'right', 'score': 7,}",
        '{feedback: "right", score: 7}',
        '{"feedback": "right", "score": "7", "confidence": 1}',
    ],
)
def test_a_reply_that_can_be_found_or_mended_is_not_asked_for_again(stage: Stage, said: str) -> None:
    model, _ = stage.model(answered(said))
    completion = model(JUDGING)
    assert (completion.reply, completion.usage.sends) == (JudgeReply(feedback="right", score=7), 1)


def test_an_unreadable_reply_is_asked_for_once_more(stage: Stage) -> None:
    model, play = stage.model(answered('{"feedback": "right", "score": 70}'), answered(GOOD))
    completion = model(JUDGING)
    assert completion.reply == JudgeReply(feedback="right", score=7)
    assert completion.usage == CallUsage(sends=2, input_tokens=14, output_tokens=6, cost_usd=None)
    assert completion.flags == ("asked_again",)
    *_, bad, wrong = play.bodies[1]["messages"]
    assert bad == {"role": "assistant", "content": '{"feedback": "right", "score": 70}'}
    assert "score must be from 0 to 10" in wrong["content"]
    assert wrong["content"].endswith('{"feedback": "...", "score": ...}')


def test_two_unreadable_replies_are_an_error_that_says_what_they_cost(stage: Stage) -> None:
    model, play = stage.model(answered("I would say 7"), prices=PRICES)
    with pytest.raises(ModelError) as caught:
        model(JUDGING)
    error = caught.value
    assert (error.code, error.sends, error.input_tokens, error.output_tokens) == ("malformed_reply", 2, 14, 6)
    assert error.cost_usd == pytest.approx(88e-6)
    assert not isinstance(error, ProviderError)
    assert len(play.seen) == 2


@pytest.mark.parametrize("part", ['{"lesson"', "", None, "<think>hm"])
def test_a_truncated_reflection_gets_twice_the_tokens_once(stage: Stage, part: str | None) -> None:
    model, play = stage.model(answered(part, finish_reason="length"), answered(REFLECTED))
    assert model(REFLECTING).reply == PromptReply(lesson="a", prompt="b")
    assert [body["max_tokens"] for body in play.bodies] == [100, 200]


@pytest.mark.parametrize(("max_tokens", "sends"), [(100, 2), (None, 1)])
def test_a_reflection_that_stays_truncated_is_dropped(stage: Stage, max_tokens: int | None, sends: int) -> None:
    model, play = stage.model(answered(REFLECTED, finish_reason="length"))
    with pytest.raises(ModelError) as caught:
        model(replace(REFLECTING, max_tokens=max_tokens))
    assert (caught.value.code, caught.value.sends, len(play.seen)) == ("truncated", sends, sends)


def test_a_reflection_whose_double_the_provider_refuses_is_dropped_and_does_not_end_the_job(stage: Stage) -> None:
    too_many = {"message": "max_tokens is too large: 200. This model supports at most 150 completion tokens."}
    model, _ = stage.model(answered(REFLECTED, finish_reason="length"), failed(400, too_many))
    with pytest.raises(ModelError) as caught:
        model(REFLECTING)
    assert (caught.value.code, caught.value.sends) == ("truncated", 2)
    assert not isinstance(caught.value, ProviderError)


def test_a_truncated_target_answer_is_returned_and_flagged(stage: Stage) -> None:
    model, _ = stage.model(answered("Par", finish_reason="length"))
    completion = model(question(max_tokens=5))
    assert (completion.text, completion.finish_reason, completion.flags) == ("Par", "length", ("truncated",))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Paris <think>is</think> it", "Paris <think>is</think> it"),
        ("  Paris\n", "  Paris\n"),
        ([{"type": "text", "text": "Par"}, {"type": "text", "text": "is"}], "Paris"),
        ("My key is sk-canary, or \\u0073k.", "My key is sk-canary, or \\u0073k."),
    ],
)
def test_an_answer_without_a_fault_stays_as_it_is(stage: Stage, said: object, text: str) -> None:
    model, _ = stage.model(answered(said))
    completion = model(question())
    assert (completion.text, completion.flags) == (text, ())


@pytest.mark.parametrize("tokens", ["7", -1, 1e30, True, None, [7], 7.5, 10**7 + 1, 10**400])
def test_tokens_that_cannot_be_believed_are_estimated(stage: Stage, tokens: object) -> None:
    model, _ = stage.model(answered("Paris", usage={"prompt_tokens": tokens, "completion_tokens": 3}))
    completion = model(question())
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (4, 3)
    assert completion.flags == ("usage_estimated",)


@pytest.mark.parametrize("usage", [False, "many", [], {}])
def test_missing_usage_is_estimated(stage: Stage, usage: object) -> None:
    model, _ = stage.model(answered("Paris", usage=usage))
    completion = model(question())
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (4, 2)
    assert completion.flags == ("usage_estimated",)


@pytest.mark.parametrize(
    ("stated", "prices", "cost_usd"),
    [
        (0.5, PRICES, 0.5),
        (0, PRICES, 0.0),
        (None, PRICES, 44e-6),
        (None, None, None),
        ("0.5", None, None),
        (-1, PRICES, 44e-6),
        (float("nan"), PRICES, 44e-6),
        (True, None, None),
    ],
)
def test_a_cost_is_the_providers_then_the_tables_then_unknown(
    stage: Stage, stated: object, prices: Prices | None, cost_usd: float | None
) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "cost": stated}
    model, _ = stage.model(answered(usage=usage), prices=prices)
    assert model(question()).usage.cost_usd == (cost_usd if cost_usd is None else pytest.approx(cost_usd))


def test_a_failure_that_may_be_billed_is_priced_and_one_that_cannot_be_is_free(stage: Stage) -> None:
    cut: Act = answered() | {"cut": 5}
    for act, cost_usd in ((cut, 4 * 4 * 2e-6), (failed(401), 0.0)):
        model, _ = stage.model(act, prices=PRICES)
        with pytest.raises(ModelError) as caught:
            model(question())
        assert caught.value.cost_usd == pytest.approx(cost_usd)


STATED = {"prompt_tokens": 7, "completion_tokens": 3, "cost": 0.25}


@pytest.mark.parametrize(
    "broken_off",
    [
        {"body": json.dumps({"error": {"message": "upstream died"}, "usage": STATED})},
        {"body": json.dumps({"choices": [{"error": {"code": 502}}], "usage": STATED})},
        answered(finish_reason="error", usage=STATED),
        {"body": json.dumps({"choices": [], "usage": STATED})},
    ],
    ids=["an error", "an error in the choice", "finish_reason error", "no choices"],
)
def test_a_failed_request_that_says_what_it_consumed_is_counted_by_it(stage: Stage, broken_off: Act) -> None:
    model, _ = stage.model(broken_off, answered(usage=STATED))
    completion = model(question())
    assert completion.usage == CallUsage(sends=2, input_tokens=14, output_tokens=6, cost_usd=0.5)
    assert completion.flags == ()


def test_a_failed_request_that_states_no_cost_leaves_that_of_the_answer_known(stage: Stage) -> None:
    broken_off = answered(finish_reason="error", usage={"prompt_tokens": 7, "completion_tokens": 3})
    model, _ = stage.model(broken_off, answered(usage=STATED))
    usage = model(question()).usage
    assert usage == CallUsage(sends=2, input_tokens=14, output_tokens=6, cost_usd=0.25, doubtful=1)
    assert usage.priced


def test_many_threads_share_a_provider(stage: Stage) -> None:
    model, play = stage.model(answered(GOOD))
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(model, [JUDGING] * 200))
    assert {completion.reply.score for completion in replies} == {7}
    assert len({request["connection"] for request in play.seen}) <= 16
