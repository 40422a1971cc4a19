"""What is no schema, or none that can be used, is refused with its place."""

import pytest

from gepa_next.errors import InvalidError
from gepa_next.metrics import check_schema

DRAFT_07 = "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize(
    "definition",
    [
        {}, True, False, {"type": "string"}, {"type": ["string", "null"]}, {"properties": {"$ref": {"type": "string"}}},
        {"$schema": DRAFT_07, "definitions": {"a": {}}, "items": [{"$ref": "#/definitions/a"}]},
        {"properties": {"unevaluatedItems": {}, "pattern": {"pattern": "a"}, "$schema": True}},
        {"const": {"$ref": "nowhere", "type": 5}}, {"x-own": {"type": 5, "$ref": "nowhere"}},
        {"anyOf": [{"$ref": "#/anyOf/1"}, True]}, {"dependentSchemas": {"a": {"$ref": "#"}}},
    ],
)  # fmt: skip
def test_a_schema_is_taken(definition: object) -> None:
    check_schema(definition)


@pytest.mark.parametrize(
    ("definition", "path", "said"),
    [
        ("string", "", "object, true or false"), (None, "", "object, true or false"), ([], "", "object, true or false"),
        ({"type": "strin"}, "type", "strin"), ({"type": 5}, "type", "5"), ({"required": "a"}, "required", "array"),
        ({"properties": {"a": {"minLength": -1}}}, "properties.a.minLength", "-1"),
        ({"properties": {"a": 5}}, "properties.a", "5"), ({"items": [{}]}, "items", "type"),
        ({"allOf": []}, "allOf", "non-empty"), ({"allOf": [{"not": {"enum": 1}}]}, "allOf.0.not.enum", "array"),
        ({"$schema": DRAFT_07, "items": [{"type": "nul"}]}, "items.0.type", "nul"),
        ({"required": ["a", "a"]}, "required", "non-unique"), ({"multipleOf": 0}, "multipleOf", "0"),
        ({"items": {"pattern": "("}}, "items.pattern", "missing )"), ({"pattern": "(?=a)"}, "pattern", "RE2"),
        ({"patternProperties": {"(": True}}, "patternProperties.(", "missing )"),
        ({"$ref": "#/$defs/a"}, "$ref", "in this one"), ({"$ref": "other.json"}, "$ref", "in this one"),
        ({"$ref": "#a"}, "$ref", "in this one"), ({"default": {}, "$ref": "#/default"}, "$ref", "in this one"),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "$ref", "in this one"),
        ({"$ref": 1}, "$ref", "string"),
        ({"items": {"unevaluatedItems": False}}, "items.unevaluatedItems", "not taken"),
        ({"$dynamicRef": "#a"}, "$dynamicRef", "not taken"), ({"$defs": {"a": {"$id": "a"}}}, "$defs.a.$id", "top"),
        ({"items": {"$schema": DRAFT_07}}, "items.$schema", "top"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "$schema", "2020-12"),
        ({"$schema": 7}, "$schema", "2020-12"),
        ({"description": "a" * 20_000}, "", "20000 characters"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_with_its_place(definition: object, path: str, said: str) -> None:
    with pytest.raises(InvalidError) as caught:
        check_schema(definition)
    (found,) = caught.value.details
    assert found[0] == path
    assert said in found[1]
