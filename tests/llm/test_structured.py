"""A structured reply is read whole or not at all."""

import time
from dataclasses import dataclass

import pytest

from gepa_next.gepa.messages import template_text
from gepa_next.gepa.replies import AdditionReply, InputsReply, JudgeReply, PromptReply
from gepa_next.llm.repair import REPAIR_LIMIT_CHARS, UnreadableReply
from gepa_next.llm.structured import read_reply, reply_form, reply_schema

GOOD = '{"feedback": "right", "score": 7}'
SEVEN = JudgeReply(feedback="right", score=7)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"```\n```json\n{GOOD}\n```\n```",
        f"Here it is:\n```json\n{GOOD}\n```\nAnything else?",
        f"```json\n{GOOD}",
        f"<think>{{}} perhaps 3</think>{GOOD}",
        f"[THINK]hm[/THINK]{GOOD}",
        f'I read "score": 3.</think>\n{GOOD}',
        f"My verdict, with {{braces}} in it: {GOOD} That is all.",
        f"{GOOD}\n{GOOD}",
        '{"feedback": "right", "score": "7", "confidence": 1}',
        '{"feedback": "right", "score": 7.0}',
        "{'feedback': 'right', 'score': 7,}",
        '{feedback: "right", score: 7}',
        '{"feedback": "right", "score": 7 // of ten\n}',
        '{"feedback": "right", "confidence": "high", "score": 7,}',
        '```json\n"feedback": "right",\n"score": 7\n```',
    ],
)
def test_a_reply_is_found_in_what_models_put_around_it(text: str) -> None:
    assert read_reply(text, JudgeReply) == SEVEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "Score: 7/10. Right.",
        "[7]",
        '{"score": 7}',
        '{"feedback": "right", "score": "7/10"}',
        '{"feedback": "right", "score": 7.5}',
        '{"feedback": "right", "score": 11}',
        '{"feedback": "right", "score": -1}',
        '{"feedback": "right", "score": true}',
        '{"feedback": "right", "score": NaN}',
        '{"feedback": "right", "score": 1e999}',
        '{"feedback": "right", "score": "\uff17"}',
        '{"feedback": "right", "score": ' + "9" * 5000 + "}",
        '{"feedback": null, "score": 7}',
        '{"feedback": "right", "score": [7]}',
        '{"feedback": "right", "score": 7',
        '"feedback": "right", "score": 7 or 8',
        'My verdict: "feedback": "right", "score": 7',
        '{"feedback": "rig',
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" * 100_000,
        "{" * 100_000 + "}",
        "<think>" + GOOD,
    ],
    ids=lambda text: text[:40],
)
def test_anything_else_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableReply):
        read_reply(text, JudgeReply)


@pytest.mark.parametrize(
    "text",
    [
        'The answer claims {"feedback": "perfect", "score": 10}. I say {"feedback": "no", "score": 1}',
        '{"feedback": "it says "x" {"feedback": "perfect", "score": 10}", "score": 1}',
        '{"feedback": "it says "score": 10", "score": 1}',
        GOOD + '{"feedback": "", "score": 1}' * 30,
        '{"feedback": "perfect", "score": 10}' + "{}" * 20 + '{"feedback": "no", "score": 1}',
    ],
)
def test_a_quoted_verdict_is_never_taken_for_the_verdict(text: str) -> None:
    with pytest.raises(UnreadableReply):
        read_reply(text, JudgeReply)


@dataclass(frozen=True)
class Measured:
    value: float


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", '"NaN"'])
def test_a_number_that_json_does_not_have_is_unreadable(number: str) -> None:
    with pytest.raises(UnreadableReply):
        read_reply(f'{{"value": {number}}}', Measured)


def test_one_good_object_among_too_many_is_unreadable() -> None:
    with pytest.raises(UnreadableReply, match="more than 20"):
        read_reply(GOOD + "{}" * 30, JudgeReply)


def test_a_line_break_in_a_string_does_no_harm() -> None:
    assert read_reply('{"lesson": "a", "prompt": "one\ntwo {x}"}', PromptReply) == PromptReply(
        lesson="a", prompt="one\ntwo {x}"
    )


def test_a_prompt_with_fences_in_it_stays_whole() -> None:
    reply = read_reply('{"lesson": "a", "prompt": "Use\n```\ncode\n```\nalways"}', PromptReply)
    assert reply == PromptReply(lesson="a", prompt="Use\n```\ncode\n```\nalways")


def test_a_list_alone_is_the_one_field_of_a_reply() -> None:
    assert read_reply('```json\n["one", "two"]\n```', InputsReply) == InputsReply(inputs=["one", "two"])
    assert read_reply('[{"inputs": ["one"]}]', InputsReply) == InputsReply(inputs=["one"])


@pytest.mark.parametrize(
    "text", ['["one"], ["two"]', '["one", 2]', '[["one"]]', '[{"inputs": ["one"]}, {"inputs": []}]']
)
def test_no_other_list_is(text: str) -> None:
    with pytest.raises(UnreadableReply):
        read_reply(text, InputsReply)


def test_a_broken_prompt_is_not_adopted_in_part() -> None:
    with pytest.raises(UnreadableReply):
        read_reply('{"lesson": "a", "prompt": "Answer {x} and th', PromptReply)


TEXTS_WITH_MARKS = (
    'Answer with {"item": "apple"} only.',
    'Answer with {"item": "apple", "qty": 3} and nothing else.',
    'Say "yes", or "no", never both.',
    '"Yes" is no answer.',
    'Answer "positive", "negative" or "neutral"',
    'Write a list: ["a", "b"].\nOne a line.',
    'It\'s "fine" to say \\"no\\".',
)


@pytest.mark.parametrize("style", ['{{"lesson": "{0}", "prompt": "{1}"}}', '{{lesson: "{0}",\n prompt: "{1}",}}'])
@pytest.mark.parametrize("prompt", TEXTS_WITH_MARKS)
@pytest.mark.parametrize("lesson", TEXTS_WITH_MARKS)
def test_quotation_marks_that_were_not_escaped_cost_no_word(lesson: str, prompt: str, style: str) -> None:
    reply = read_reply(style.format(lesson, prompt), PromptReply)
    assert reply == PromptReply(lesson=lesson.replace("\\", ""), prompt=prompt.replace("\\", ""))


@pytest.mark.parametrize(
    "text",
    [
        '{"lesson": "say "a"", "prompt": "b", "note": "c"}',
        '{"prompt": "Answer with {"item": "apple", "qty": 3} only.", "lesson": "a"}',
        '{"lesson": "a", "prompt": "Write {"item": "apple", "qty": 3}}',
        "{'lesson': 'a', 'prompt': 'b', 'c': 'd'}",
    ],
)
def test_where_a_text_ends_is_never_guessed(text: str) -> None:
    with pytest.raises(UnreadableReply):
        read_reply(text, PromptReply)


def test_lone_surrogates_and_nul_become_replacement_characters() -> None:
    reply = read_reply(r'{"inputs": ["a\ud800b", "c\u0000d", "\ud83d\ude00"]}', InputsReply)
    assert reply == InputsReply(inputs=["a\ufffdb", "c\ufffdd", "\U0001f600"])


def test_an_error_names_the_key_and_what_is_wrong() -> None:
    with pytest.raises(UnreadableReply, match=r"score: .*integer"):
        read_reply('{"feedback": "right", "score": "high"}', JudgeReply)


@pytest.mark.parametrize("length", [REPAIR_LIMIT_CHARS, 200_000])
@pytest.mark.parametrize(
    "unit", ['{"feedback"', "{'", '{"a":[', "{a:", "\"x' ,:", "'\"", '{"feedback": "x", ', "</think>"]
)
def test_long_rubbish_is_refused_in_time(unit: str, length: int) -> None:
    text = '{"feedback": "' + (unit * length)[: length - 15] + "}"
    started = time.perf_counter()
    with pytest.raises(UnreadableReply):
        read_reply(text, JudgeReply)
    assert time.perf_counter() - started < 2.0


def test_the_schema_is_strict() -> None:
    assert reply_schema(JudgeReply) == {
        "type": "object",
        "properties": {"feedback": {"type": "string"}, "score": {"type": "integer"}},
        "required": ["feedback", "score"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("template", "reply_type"),
    [
        ("judge", JudgeReply),
        ("reflect", PromptReply),
        ("compress", PromptReply),
        ("constrain", AdditionReply),
        ("inputs", InputsReply),
    ],
)
def test_every_message_ends_with_the_form_of_its_reply(template: str, reply_type: type) -> None:
    assert template_text(template).endswith(f"\nThe form of your reply: {reply_form(reply_type)}")


def test_the_form_of_a_reply_shows_what_is_text_and_what_is_a_list() -> None:
    assert reply_form(JudgeReply) == '{"feedback": "...", "score": ...}'
    assert reply_form(InputsReply) == '{"inputs": ["...", "..."]}'


@dataclass(frozen=True)
class Part:
    title: str
    default: int = 3


@dataclass(frozen=True)
class Whole:
    """Has parts whose keys are words of JSON schema."""

    properties: list[Part]
    description: str = ""


def test_the_schema_is_strict_all_the_way_down() -> None:
    schema = reply_schema(Whole)
    assert schema["required"] == ["properties", "description"]
    assert schema["$defs"]["Part"] == {
        "type": "object",
        "properties": {"title": {"type": "string"}, "default": {"type": "integer"}},
        "required": ["title", "default"],
        "additionalProperties": False,
    }
