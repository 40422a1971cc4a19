"""The page of the API shows all that its description has, to everybody, without scripts."""

import json
import re
import shlex
from html import unescape

import pytest

from gepa_next.api.description.document import document
from gepa_next.api.description.operations import OPERATIONS
from gepa_next.api.edge.errors import STATUS_BY_CODE
from gepa_next.web.schema_words import kind, pieces


@pytest.fixture
def page(service) -> str:
    return service.client(token=None).get("/docs").text


def test_every_operation_schema_and_error_has_its_place(page) -> None:
    places = set(re.findall(r'id="([^"]+)"', page))
    described = document()
    operations = {each["operationId"] for methods in described["paths"].values() for each in methods.values()}
    schemas = {f"schema-{name}" for name, each in described["components"]["schemas"].items() if "properties" in each}
    assert operations | schemas | {f"error-{code}" for code in STATUS_BY_CODE} <= places


def test_no_link_within_leads_nowhere(page) -> None:
    places = re.findall(r'id="([^"]+)"', page)
    assert len(set(places)) == len(places)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(places)


def test_it_has_no_script_and_nothing_from_elsewhere(page) -> None:
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    assert re.findall(r'\s(?:style|on\w+)="', page) == []


def test_it_is_the_same_for_everybody_and_asked_for_once(service) -> None:
    first, known = service.client(token=None).get("/docs"), service.client().get("/docs")
    assert first.status_code == 200
    assert first.data == known.data
    assert "script-src" not in first.headers["Content-Security-Policy"]
    again = service.client(token=None).get("/docs", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_every_parameter_field_and_example_is_shown(page) -> None:
    shown = unescape(page)
    for methods in document()["paths"].values():
        for operation in methods.values():
            for content in operation.get("requestBody", {"content": {}})["content"].values():
                for each in content["examples"].values():
                    value = each["value"]
                    assert (
                        value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
                    ) in shown
            assert all(f"<code>{each['name']}</code>" in shown for each in operation["parameters"])
    for schema in document()["components"]["schemas"].values():
        assert all(f"<code>{name}</code>" in shown for name in schema.get("properties", {}))


def test_a_command_sends_the_first_example(page) -> None:
    commands = [unescape(each) for each in re.findall(r'aria-label="Command">([^<]+)<', page)]
    assert len(commands) == len(OPERATIONS)
    create = next(shlex.split(each) for each in commands if '"$URL/v1/optimize"' in each and "-d" in each)
    example = next(iter(document()["paths"]["/v1/optimize"]["post"]["requestBody"]["content"].values()))["examples"][
        "1"
    ]
    assert create[:5] == ["curl", "-sS", "-X", "POST", "$URL/v1/optimize"]
    assert json.loads(create[create.index("-d") + 1]) == example["value"]
    assert not any("{" in shlex.split(each)[shlex.split(each).index("-sS") + 1] for each in commands)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 500}, "whole number, 1 to 500"),
        ({"type": "string", "maxLength": 100_000}, "text, up to 100,000 characters"),
        ({"anyOf": [{"$ref": "#/components/schemas/BankBody"}, {"type": "null"}]}, "BankBody or null"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 8}, "list of text, 2 to 8 items"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"type": "number", "exclusiveMinimum": 0}, "number, above 0"),
        ({}, "any JSON"),
    ],
)
def test_a_type_is_worded_with_its_limits(schema, said) -> None:
    assert "".join(text for text, _ in kind(schema)) == said


def test_what_stands_between_backticks_is_code() -> None:
    assert pieces("As `iterations` here") == [(False, "As "), (True, "iterations"), (False, " here")]
