"""JSON is read strictly and compared as values."""

import json
import random
from decimal import Decimal

import pytest
from pydantic_core import from_json

from gepa_next.errors import ModelError
from gepa_next.metrics.json_text import NotJsonError, differences, read_json, without_fence
from tests.metrics.scoring import score, verdict

VALID = ['{"a": [1, 2.5e3, null, true, "\\u00e9"]}', " 1\n", '""', "[]", "null", "-0.0", "[" * 100 + "]" * 100]
INVALID = [
    "", "nope", "{'a': 1}", '{"a": 1,}', "[1 2]", "NaN", "[Infinity]", "-Infinity", "01", '"\t"', "{} {}", '{"a"}',
    "```json\n{}\n```", "Here: {}", "\ufeff{}", "[" * 101 + "]" * 101, "[" * 150_000, "9" * 5000, '{"a": 1} // note',
]  # fmt: skip


@pytest.mark.parametrize("text", VALID)
def test_json_is_valid(text: str) -> None:
    assert verdict("json_valid", None, text).score == 1


@pytest.mark.parametrize("text", INVALID)
def test_what_is_not_json_is_not(text: str) -> None:
    found = verdict("json_valid", None, text)
    assert found.score == 0
    assert found.feedback.startswith("Wrong: expected JSON")
    assert len(found.feedback) < 500


def broken(rng: random.Random, text: str) -> str:
    """Return the text with up to three characters taken out, put in or doubled."""
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(["", *'{}[],:"0-.e1tn \n\t\\/']) + text[at + rng.randrange(2) :]
    return text


def test_it_agrees_with_another_parser_on_texts_whole_and_broken() -> None:
    rng, found = random.Random(4), set()
    for _ in range(4000):
        text = broken(rng, json.dumps(value(rng, 3), indent=rng.choice([None, 1])))
        try:
            from_json(text, allow_inf_nan=False)
            expected = 1
        except ValueError:
            expected = 0
        assert score("json_valid", None, text) == expected, text
        found.add(expected)
    assert found == {0, 1}


def value(rng: random.Random, depth: int) -> object:
    plain = [None, True, -0.5, 12, 1e300, "", 'a " \\ \n \u00e9', "\u732b"]
    if not depth or rng.random() < 0.4:
        return rng.choice(plain)
    inner = [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return inner if rng.random() < 0.5 else {str(place): each for place, each in enumerate(inner)}


def test_what_breaks_the_json_is_told_with_its_place() -> None:
    said = verdict("json_valid", None, '{"a": 1,\n "b": oops}').feedback
    assert "Expecting value at line 2 column 7, before 'oops}'" in said


def test_a_fence_around_valid_json_is_told() -> None:
    assert "code fence: send it bare" in verdict("json_valid", None, "```json\n{}\n```").feedback


@pytest.mark.parametrize(
    ("ideal", "output", "expected"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', 1), ("[1, 2]", "[2, 1]", 0), ("1", "1.0", 1), ("100", "1e2", 1),
        ("1", "true", 0), ("0", "false", 0), ("true", "true", 1), ("null", "false", 0), ('"1"', "1", 0),
        ("0.1", "0.10", 1), ("0.1", "0.1000000000000000055", 0), ("1e400", "1e500", 0), ("1e400", "10e399", 1),
        ('{"a": null}', "{}", 0), ("[]", "{}", 0), ("[1]", "[1, 1]", 0), ('"é"', '"\\u00e9"', 1),
        ('{"a": 1}', '```json\n{"a": 1}\n```', 1), ('```\n{"a": 1}\n```', '{"a":1}', 1), ('{"a": 1}', '{"a": 1', 0),
        ('{"a": 1}', 'Sure: {"a": 1}', 0), ('{"a": 2}', '{"a": 1, "a": 2}', 1), ('"\\ud800"', '"\\ud801"', 0),
        ("1", "1e99999999999999999999", 0),
    ],
)  # fmt: skip
def test_values_are_equal_or_not(ideal: str, output: str, expected: int) -> None:
    assert score("json_equal", ideal, output) == expected


def canonical(value: object) -> str:
    """Return one text for all equal values of small numbers."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float | Decimal):
        return f"number {Decimal(str(value)).normalize() + 0}"
    if isinstance(value, list):
        return f"[{','.join(map(canonical, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(sorted(f'{key!r}:{canonical(inner)}' for key, inner in value.items()))}}}"
    return repr(value)


def random_json(rng: random.Random, depth: int = 3) -> object:
    kind = rng.randrange(7 if depth else 5)
    if kind == 5:
        return [random_json(rng, depth - 1) for _ in range(rng.randint(0, 2))]
    if kind == 6:
        return {rng.choice("ab"): random_json(rng, depth - 1) for _ in range(rng.randint(0, 2))}
    return rng.choice([None, True, False, 0, 1, 1.0, 0.5, -0.0, "a", "1", ""])


def test_equality_agrees_with_a_canonical_text_and_is_the_same_both_ways() -> None:
    rng = random.Random(11)
    equal = 0
    for _ in range(4000):
        one, other = random_json(rng, 2), random_json(rng, 2)
        expected = float(canonical(one) == canonical(other))
        equal += int(expected)
        texts = json.dumps(one), json.dumps(other, indent=1)
        assert score("json_equal", *texts) == score("json_equal", *reversed(texts)) == expected, texts
        assert score("json_equal", texts[0], texts[0]) == 1
    assert 100 < equal < 3900


@pytest.mark.parametrize(
    ("ideal", "output", "said"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "$.a[1].b: expected 2, got 3"),
        ({"a": 1}, {}, "$.a is missing"),
        ({}, {"a b": 1}, '$["a b"] should not be there'),
        ([1, 2], [1], "$ has 1 items, expected 2"),
        ({"a": 1}, [1], '$: expected {"a": 1}, got [1]'),
        ("é", "e", '$: expected "é", got "e"'),
        (0.5, True, "$: expected 0.5, got true"),
    ],
)
def test_what_differs_is_told_with_its_path(ideal: object, output: object, said: str) -> None:
    assert verdict("json_equal", json.dumps(ideal), json.dumps(output)).feedback == f"Wrong: {said}."


def test_many_differences_are_a_short_feedback() -> None:
    said = verdict("json_equal", json.dumps(list(range(1000))), json.dumps([-1] * 1000)).feedback
    assert said.count("expected") == 5
    assert said.endswith("and more.")


def test_feedback_on_what_no_store_can_hold_can_be_stored() -> None:
    said = verdict("json_equal", '{"a": 1}', r'{"a": "\ud800", "\u0000": 1, "\udfff": 2}').feedback
    assert said.encode()
    assert "\0" not in said


@pytest.mark.parametrize("ideal", ["nope", "```json\n{\n```", ""])
def test_an_ideal_that_is_no_json_is_no_score(ideal: str) -> None:
    with pytest.raises(ModelError, match="the ideal of example e1 is not JSON") as caught:
        score("json_equal", ideal, "1")
    assert caught.value.code == "unusable_ideal"


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("```json\n{}\n```", "{}"), ("```\n[1]\n```", "[1]"), ("  ```JSON \n1\n```\n", "1"), ("```json\n{}```", "{}"),
        ("{}", "{}"), ("```json\n{}", "```json\n{}"), ("```{}```", "```{}```"), ("```", "```"), ("``````", "``````"),
        ("```a`b\n1\n```", "```a`b\n1\n```"),
    ],
)  # fmt: skip
def test_only_a_fence_around_the_whole_is_removed(text: str, bare: str) -> None:
    assert without_fence(text) == bare


def test_differences_are_empty_for_a_value_and_itself() -> None:
    for text in VALID:
        assert list(differences(read_json(text), read_json(text))) == []


def test_numbers_can_be_read_as_floats() -> None:
    assert read_json("0.5", number=float) == 0.5
    with pytest.raises(NotJsonError, match="too many digits"):
        read_json("9" * 5000, number=float)
