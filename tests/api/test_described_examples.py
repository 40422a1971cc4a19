"""What the description shows is what happens: its examples are sent, and the answers have the shapes it says."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gepa_next.api.description.document import document
from gepa_next.api.description.error_samples import SAID
from gepa_next.api.description.operation import EVENT_STREAM
from gepa_next.api.description.operations import OPERATIONS
from gepa_next.api.description.responses import error_codes
from gepa_next.api.edge.errors import STATUS_BY_CODE
from tests.support.conversation import Conversation, Exchange
from tests.support.recording import PROGRAMS
from tests.support.service import open_service


def closed(value: Any) -> Any:
    """Return the schemas of answers with nothing allowed that they do not name."""
    if isinstance(value, list):
        return [closed(each) for each in value]
    if not isinstance(value, dict):
        return value
    shape = {name: closed(each) for name, each in value.items()}
    if isinstance(shape.get("properties"), dict) and "additionalProperties" not in shape:
        shape["additionalProperties"] = False
    return shape


STRICT = closed(deepcopy(document()["components"]))


def wrong(schema: object, value: object) -> list[str]:
    """Return what of the value does not fit the schema."""
    validator = Draft202012Validator({"allOf": [schema], "components": STRICT})
    return [f"{each.json_path}: {each.message}" for each in validator.iter_errors(value)]


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory) -> Iterator[list[Exchange]]:
    folder = tmp_path_factory.mktemp("described")
    with closing(open_service(folder, program_urls=PROGRAMS)) as service:
        yield list(Conversation(service).exchanges())


def described(operation: tuple[str, str]) -> dict[str, Any]:
    method, path = operation
    return document()["paths"][path][method]


def test_every_example_of_a_request_works(exchanges) -> None:
    refused = [
        (each.operation, each.sent, each.answer.text)
        for each in exchanges
        if each.answer.status_code not in OPERATIONS[each.operation].answers
    ]
    assert refused == []


def test_every_success_that_is_described_happens_and_no_other(exchanges) -> None:
    seen = defaultdict(set)
    for each in exchanges:
        seen[each.operation].add(each.answer.status_code)
    for operation, what in OPERATIONS.items():
        assert seen[operation] == set(what.answers), operation


def test_every_answer_has_the_content_type_and_the_shape_that_are_described(exchanges) -> None:
    for each in exchanges:
        content = described(each.operation)["responses"][str(each.answer.status_code)].get("content", {})
        if not content:
            assert each.answer.data == b""
            continue
        media = content[each.answer.mimetype]
        if each.answer.mimetype == "application/json":
            assert wrong(media["schema"], each.answer.json) == [], each.operation


def test_every_answer_has_the_headers_that_are_described_and_no_other_of_ours(exchanges) -> None:
    known = set(document()["components"]["headers"])
    free = {"RateLimit", "Retry-After"}  # where there is a limit; while a job runs
    for each in exchanges:
        told = set(described(each.operation)["responses"][str(each.answer.status_code)]["headers"])
        sent = {name for name in known if name in each.answer.headers}
        assert told - sent <= free, (each.operation, each.answer.status_code)
        assert sent <= told or each.answer.status_code == 304, (each.operation, each.answer.status_code)


def read_frames(text: str) -> list[dict[str, str]]:
    """Return the events of a stream that has been recorded."""
    parts = [dict(line.split(": ", 1) for line in part.splitlines()) for part in text.strip().split("\n\n")]
    return [each for each in parts if "id" in each]


def test_every_event_has_the_shape_that_is_described(exchanges) -> None:
    stream = next(each.answer.text for each in exchanges if each.answer.mimetype == "text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line.startswith("data: ")]
    assert {each["type"] for each in events} == {"started", "progress", "finished"}
    assert [problem for each in events for problem in wrong({"$ref": "#/components/schemas/EventState"}, each)] == []


def test_every_example_of_an_answer_still_has_its_shape() -> None:
    """If not: `python -m tests.support.recording` records them again."""
    for method, path in OPERATIONS:
        for status in OPERATIONS[method, path].answers:
            for kind, media in described((method, path))["responses"][str(status)].get("content", {}).items():
                values = read_frames(media["example"]) if kind == EVENT_STREAM else [media["example"]]
                assert [wrong(media["schema"], each) for each in values] == [[] for _ in values], (path, kind)


@pytest.mark.parametrize("code", STATUS_BY_CODE)
def test_every_example_of_an_error_has_the_shape_of_errors(code: str) -> None:
    value = document()["components"]["examples"][code]["value"]
    assert wrong({"$ref": "#/components/schemas/Error"}, value) == []
    assert (value["error"]["code"], value["error"]["message"]) == (code, SAID[code])


def test_every_operation_shows_each_error_it_may_give() -> None:
    for (method, path), operation in OPERATIONS.items():
        shown = {
            code
            for answer in described((method, path))["responses"].values()
            for code in answer.get("content", {}).get("application/json", {}).get("examples", {})
        }
        assert shown == set(error_codes(method, operation)), path
