"""The answers of an operation, as the description of the API has them: successes, refusals, headers and links."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from pydantic import BaseModel

from gepa_next.api.bank.states import ExampleState
from gepa_next.api.comparisons.states import ComparisonState
from gepa_next.api.description.operation import EVENT_STREAM, JSON, Answer, Operation, Operations
from gepa_next.api.description.samples import read_answers
from gepa_next.api.edge.errors import STATUS_BY_CODE
from gepa_next.api.evidence.states import EventState
from gepa_next.api.jobs.states import JobState
from gepa_next.api.pins.states import PinState

Value = dict[str, object]
SCHEMA = "#/components/schemas/{model}"
CREATED = 201
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "X-Request-ID": "That of the request, or a new one.",
        "RateLimit": "Requests a minute, how many may follow at once, seconds until the next may.",
        "Location": "The path of what was made.",
        "Content-Location": "The path of this version.",
        "ETag": "Another one as soon as the state is another.",
        "Cache-Control": "To be asked for each time.",
        "Vary": "What the form depends on.",
        "Retry-After": "Seconds after which to ask again.",
        "Idempotent-Replayed": "`true`: nothing was made this time.",
        "WWW-Authenticate": "`Bearer`, and what the token lacks.",
    }
)
_OF_STATUS: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
)
# By what a new thing is addressed in other routes: the path parameter, and where the answer has it.
ADDRESSES: Mapping[type[BaseModel], Mapping[str, str]] = MappingProxyType(
    {
        JobState: {"job_id": "/job_id"},
        ComparisonState: {"comparison_id": "/comparison_id"},
        ExampleState: {"example_id": "/id"},
        PinState: {"name": "/name", "number": "/version"},
    }
)


def reference(shape: type[BaseModel]) -> Value:
    """Return the schema that points to the shape's."""
    return {"$ref": SCHEMA.format(model=shape.__name__)}


_PLAIN: Value = {"type": "string"}
_SCHEMAS: Mapping[str, Value] = MappingProxyType(
    {
        JSON: {},
        # Of one event: that is how a schema of a stream is read.
        EVENT_STREAM: {
            "type": "object",
            "required": ["id", "event", "data"],
            "properties": {
                "id": {"type": "string", "pattern": "^[1-9][0-9]*$"},
                "event": {"type": "string", "enum": list(get_args(EventState.model_fields["type"].annotation))},
                "data": {"type": "string", "contentMediaType": JSON, "contentSchema": reference(EventState)},
            },
        },
    }
)


def operation_id(method: str, path: str) -> str:
    """Return what an operation is called."""
    name = path.removeprefix("/v1/").replace("{", "").replace("}", "").replace("/", "_").replace(".", "_")
    return f"{method}_{name}"


def responses(method: str, path: str, operations: Operations) -> Value:
    """Return all answers of an operation by status."""
    operation = operations[method, path]
    known = read_answers().get(f"{method} {path}", {})
    found: Value = {}
    for status, answer in operation.answers.items():
        links = _links(answer.shape, operations) if status == CREATED else {}
        found[str(status)] = _answer(operation, answer, known.get(str(status), {})) | links
    by_status: dict[int, list[str]] = {}
    for code in error_codes(method, operation):
        by_status.setdefault(STATUS_BY_CODE[code], []).append(code)
    return found | {str(status): _refusal(status, by_status[status]) for status in sorted(by_status)}


def error_codes(method: str, operation: Operation) -> tuple[str, ...]:
    """Return the codes that an operation may be refused with."""
    if operation.access == "open":
        return (*operation.errors, "internal_error")
    if operation.access == "optional":
        return (*operation.errors, "unauthorized", "rate_limited", "internal_error")
    checked = ("unauthorized", "forbidden", "rate_limited", "internal_error", "store_unavailable")
    if operation.access == "metrics":
        return checked
    foreign = ("cross_origin",) if method != "get" else ()
    return tuple(dict.fromkeys((*operation.errors, *foreign, *checked, "validation_error")))


def _answer(operation: Operation, answer: Answer, known: Mapping[str, object]) -> Value:
    content: dict[str, Value] = {}
    if answer.shape is not None:
        content[JSON] = {"schema": reference(answer.shape)}
    content |= {
        kind: {"schema": {**_SCHEMAS.get(kind, _PLAIN), "description": said}} for kind, said in answer.texts.items()
    }
    shown = {kind: {**media, "example": known[kind]} if kind in known else media for kind, media in content.items()}
    counted = () if operation.access in {"open", "optional", "metrics"} else ("RateLimit",)
    described: Value = {
        "description": answer.description,
        "headers": _headers("X-Request-ID", *counted, *answer.headers),
    }
    return {**described, "content": shown} if shown else described


def _refusal(status: int, codes: list[str]) -> Value:
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return {
        "description": ", ".join(codes),
        "headers": _headers("X-Request-ID", *_OF_STATUS.get(status, ())),
        "content": {JSON: {"schema": {"$ref": SCHEMA.format(model="Error")}, "examples": examples}},
    }


def _headers(*names: str) -> Value:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _links(shape: type[BaseModel] | None, operations: Operations) -> Value:
    """Return where to go on with what was made: each operation that needs no more than what the answer says."""
    said = ADDRESSES.get(shape, {}) if shape else {}
    found: Value = {}
    for (method, path), operation in operations.items():
        needed = [each.name for each in operation.parameters if each.place == "path"]
        if needed and set(needed) <= set(said) and f"/{{{needed[0]}}}" in path:
            place = {name: f"$response.body#{said[name]}" for name in needed}
            found[operation_id(method, path)] = {"operationId": operation_id(method, path), "parameters": place}
    return {"links": found}
