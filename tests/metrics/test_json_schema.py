"""A schema allows what the specification says, reaches nowhere, and cannot run away."""

import json
import random
import re
import socket
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gepa_next.errors import ModelError
from gepa_next.metrics import check_schema
from tests.metrics.scoring import score, verdict

NEWEST = "https://json-schema.org/draft/2020-12/schema"
TREE = {"type": "object", "properties": {"c": {"type": "array", "items": {"$ref": "#"}}}, "additionalProperties": False}


def schema(definition: object) -> dict[str, object]:
    check_schema(definition)
    return {"name": "json_schema", "schema": definition}


def fits(definition: object, value: object) -> float:
    return score(schema(definition), None, json.dumps(value))


def allows(definition: Any, value: Any) -> bool:
    """Say whether a value fits, by the words of the specification; a third implementation, of the commonest rules."""
    if isinstance(definition, bool):
        return definition
    number = isinstance(value, int | float) and not isinstance(value, bool)
    kinds = {
        "null": value is None, "boolean": isinstance(value, bool), "string": isinstance(value, str), "number": number,
        "integer": number and value == int(value), "array": isinstance(value, list), "object": isinstance(value, dict),
    }  # fmt: skip
    rules = {
        "type": lambda given: any(kinds[kind] for kind in ([given] if isinstance(given, str) else given)),
        "enum": lambda given: any(same(each, value) for each in given),
        "const": lambda given: same(given, value),
        "minimum": lambda given: not number or value >= given,
        "exclusiveMaximum": lambda given: not number or value < given,
        "multipleOf": lambda given: not number or value % given == 0,
        "maxLength": lambda given: not isinstance(value, str) or len(value) <= given,
        "pattern": lambda given: not isinstance(value, str) or re.search(given, value) is not None,
        "required": lambda given: not isinstance(value, dict) or set(given) <= set(value),
        "minItems": lambda given: not isinstance(value, list) or len(value) >= given,
        "uniqueItems": lambda given: not given or not isinstance(value, list) or not twice(value),
        "items": lambda given: not isinstance(value, list) or all(allows(given, each) for each in value),
        "properties": lambda given: (
            not isinstance(value, dict)
            or all(allows(inner, value[name]) for name, inner in given.items() if name in value)
        ),
        "patternProperties": lambda given: (
            not isinstance(value, dict)
            or all(allows(inner, value[name]) for key, inner in given.items() for name in value if re.search(key, name))
        ),
        "additionalProperties": lambda given: (
            not isinstance(value, dict)
            or all(allows(given, value[name]) for name in value if not named(definition, name))
        ),
        "allOf": lambda given: all(allows(each, value) for each in given),
        "anyOf": lambda given: any(allows(each, value) for each in given),
        "oneOf": lambda given: sum(allows(each, value) for each in given) == 1,
        "not": lambda given: not allows(given, value),
    }
    return all(rules[key](given) for key, given in definition.items())


def same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other if isinstance(one, str | list | dict) else one == other


def twice(items: list[Any]) -> bool:
    return any(same(one, other) for at, one in enumerate(items) for other in items[:at])


def named(definition: dict[str, Any], name: str) -> bool:
    patterns = definition.get("patternProperties", {})
    return name in definition.get("properties", {}) or any(re.search(each, name) for each in patterns)


class Draw:
    """Random schemas and values of the commonest kinds."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def value(self, depth: int = 2) -> Any:
        kind = self.rng.randrange(7 if depth else 5)
        if kind == 5:
            return [self.value(depth - 1) for _ in range(self.rng.randint(0, 3))]
        if kind == 6:
            return {name: self.value(depth - 1) for name in self.some(["a", "b", "ab"])}
        return self.rng.choice([None, True, False, 0, 1, 1.0, 1.5, 2, "", "a", "ab", "b"])

    def some(self, of: list[Any]) -> list[Any]:
        return self.rng.sample(of, self.rng.randint(0, len(of)))

    def schema(self, depth: int = 2) -> Any:
        if not depth or self.rng.random() < 0.1:
            return self.rng.choice([True, False, {}, {"type": "string"}, {"type": "integer"}, {"minimum": 1}])
        return {key: self.given(key, depth) for key in self.some(KEYWORDS)[:4]}

    def given(self, key: str, depth: int) -> Any:
        inner = lambda: self.schema(depth - 1)  # noqa: E731 - asked in three places
        kinds = ["null", "boolean", "string", "number", "integer", "array", "object"]
        plain = {
            "type": self.rng.choice([*kinds, ["string", "object"], ["array", "integer"]]), "minimum": 1, "minItems": 2,
            "enum": [self.value() for _ in range(3)], "const": self.value(), "exclusiveMaximum": 1.5, "multipleOf": 0.5,
            "maxLength": 1, "pattern": self.rng.choice(["a", "^a$", "b+"]), "required": self.some(["a", "b"]),
            "uniqueItems": self.rng.random() < 0.8,
        }  # fmt: skip
        if key in plain:
            return plain[key]
        if key in {"properties", "patternProperties"}:
            return {name: inner() for name in self.some(["a", "b", "^a"])}
        if key in {"allOf", "anyOf", "oneOf"}:
            return [inner() for _ in range(self.rng.randint(1, 3))]
        return inner()


KEYWORDS = [
    "type", "enum", "const", "minimum", "exclusiveMaximum", "multipleOf", "maxLength", "pattern", "required",
    "minItems", "uniqueItems", "items", "properties", "patternProperties", "additionalProperties", "allOf", "anyOf",
    "oneOf", "not",
]  # fmt: skip


def test_it_agrees_with_two_other_implementations_on_random_schemas() -> None:
    draw = Draw(13)
    fitting = 0
    for _ in range(1500):
        definition, value = draw.schema(), draw.value()
        expected = allows(definition, value)
        fitting += expected
        assert fits(definition, value) == float(expected), (definition, value)
        assert Draft202012Validator(definition).is_valid(value) == expected, (definition, value)
    assert 300 < fitting < 1200


@pytest.mark.parametrize(
    ("definition", "value", "expected"),
    [
        (TREE, {"c": [{"c": []}, {}]}, 1), (TREE, {"c": [{"c": [{"d": 1}]}]}, 0), (True, 1, 1), (False, 1, 0),
        ({"$ref": "#/$defs/n%C3%A4~1~0", "$defs": {"nä/~": {"type": "string"}}}, 1, 0),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["a"], 1),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["a", 1], 0),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1}, 0),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, 0), ({"contains": {"const": 1}}, [2, 1], 1),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, 0), ({"format": "date"}, "never", 1),
        ({"$id": "https://example.org/a", "$schema": NEWEST, **TREE}, {"d": 1}, 0),
        ({"uniqueItems": True}, [1, True, "1", [1], [True], {"a": 1}], 1),
        ({"uniqueItems": True}, [{"a": 1}, {"a": 1.0}], 0), ({"pattern": "^b$"}, "\ud800", 0),
        ({"patternProperties": {"^b": False}}, {"\udfff": 1}, 1),
    ],
)  # fmt: skip
def test_known_cases(definition: object, value: object, expected: int) -> None:
    assert fits(definition, value) == expected


def test_draft_07_is_read_as_it_was_meant() -> None:
    old = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{"type": "string"}],
        "additionalItems": False,
    }
    assert fits(old, ["a"]) == 1
    assert fits(old, ["a", "b"]) == 0
    assert fits({**old, "items": True}, ["a", "b"]) == 1
    with_sibling = {"$schema": old["$schema"], "definitions": {"a": True}, "$ref": "#/definitions/a", "type": "string"}
    assert fits(with_sibling, 1) == 1  # beside a reference nothing counted
    looped = {"$schema": old["$schema"], "dependencies": {"a": ["b"]}, "properties": {"c": {"$ref": "#"}}}
    assert fits(looped, {"c": {"a": 1}}) == 0


def test_a_fence_is_removed_and_what_is_no_json_fits_nothing() -> None:
    assert score(schema({}), None, "```json\n1\n```") == 1
    assert verdict(schema({}), None, "one").feedback.startswith("Wrong: expected JSON")


def exploding() -> dict[str, object]:
    steps = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    return {"$defs": {**steps, "a40": {"type": "string"}}, "$ref": "#/$defs/a0"}


@pytest.mark.parametrize(
    ("definition", "value"),
    [
        (exploding(), "a"), ({"$ref": "#"}, 1), ({"allOf": [{"$ref": "#"}]}, 1),
        ({"$schema": NEWEST, "$ref": "#"}, 1),
        ({"items": {"enum": list(range(3000))}}, [2999] * 20_000),
        ({"items": {"pattern": r"^[\p{L} ]{2,40}"}}, ["a" * 1000] * 150),
    ],
)  # fmt: skip
def test_a_check_that_would_take_too_long_is_no_score(definition: object, value: object) -> None:
    with pytest.raises(ModelError) as caught:
        fits(definition, value)
    assert (caught.value.code, caught.value.sends, caught.value.cost_usd) == ("too_complex", 0, 0.0)


RUNAWAY = "^(a+)+$"
LONG = "a" * 20_000 + "!"


@pytest.mark.parametrize(
    ("definition", "value", "expected"),
    [
        ({"pattern": RUNAWAY}, LONG, 0),
        ({"patternProperties": {RUNAWAY: False}}, {LONG: 1}, 1),
        ({"patternProperties": {RUNAWAY: False}, "additionalProperties": {"type": "string"}}, {LONG: 1}, 0),
        ({"propertyNames": {"pattern": RUNAWAY}}, {LONG: 1}, 0),
    ],
)
def test_a_pattern_that_runs_away_elsewhere_ends(definition: object, value: object, expected: int) -> None:
    assert fits(definition, value) == expected


def test_many_different_items_are_seen_to_be_unique_in_time() -> None:
    mixed = [n if n % 2 else str(n) for n in range(20_000)]
    assert fits({"uniqueItems": True}, mixed) == 1


def test_nothing_is_fetched(monkeypatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("a connection was made"))
    with pytest.raises(Exception, match="not a schema"):
        check_schema({"$ref": "http://127.0.0.1:9/schema"})
    # Even one that was never checked is not followed.
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        score({"name": "json_schema", "schema": {"$ref": "http://127.0.0.1:9/schema"}}, None, "1")


@pytest.mark.parametrize(
    ("definition", "value", "said"),
    [
        ({"type": "object"}, 1, "$: 1 is not of type 'object' (type)"),
        ({"properties": {"a": {"items": {"minimum": 3}}}}, {"a": [3, 2]},
         "$.a[1]: 2 is less than the minimum of 3 (minimum)"),
        ({"required": ["b"]}, {}, "$: 'b' is a required property (required)"),
        ({"additionalProperties": False}, {"b": 1}, "$: the property 'b' should not be there (additionalProperties)"),
        ({"pattern": "^a$"}, "b", "$: 'b' does not match '^a$' (pattern)"),
        ({"uniqueItems": True}, [1, 1], "$: [1, 1] has an item twice (uniqueItems)"),
        (False, 1, "$: False schema does not allow 1 (false)"),
    ],
)  # fmt: skip
def test_the_feedback_names_path_value_and_rule(definition: object, value: object, said: str) -> None:
    assert verdict(schema(definition), None, json.dumps(value)).feedback == f"Wrong: {said}."


def test_many_errors_are_a_short_feedback() -> None:
    said = verdict(schema({"items": {"type": "string"}}), None, json.dumps([[0] * 500] * 20)).feedback
    assert said.count("(type)") == 5
    assert said.endswith("and more.")
    assert len(said) < 2000
