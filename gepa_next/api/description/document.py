"""The OpenAPI document, made from the table of routes and the shapes they check requests and answers with."""

from collections.abc import Mapping
from functools import lru_cache

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gepa_next.api.description.error_samples import error_sample
from gepa_next.api.description.operation import CSV, JSON, NDJSON, Operation, Parameter
from gepa_next.api.description.operations import OPERATIONS
from gepa_next.api.description.parameters import ITERATIONS
from gepa_next.api.description.responses import HEADERS, SCHEMA, Value, operation_id, reference, responses
from gepa_next.api.description.samples import read_requests
from gepa_next.api.edge.errors import STATUS_BY_CODE
from gepa_next.api.edge.identity import COOKIE
from gepa_next.api.evidence.states import EventState
from gepa_next.version import VERSION

SECURITY: Mapping[str, list[Value]] = {
    "open": [],
    "optional": [{}, {"bearer": []}, {"session": []}],
    "metrics": [{}, {"bearer": []}],
    "token": [{"bearer": []}, {"session": []}],
    "stream": [{"bearer": []}, {"session": []}, {"stream_token": []}],
}
_SCHEMES: Value = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "One of the server's tokens."},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "The cookie of whoever logged in."},
    "stream_token": {
        "type": "apiKey",
        "in": "query",
        "name": "stream_token",
        "description": "Opens the event stream of one job for five minutes.",
    },
}
_ABOUT = (
    "Prompt optimization for one box. Every error has one shape. Texts hold neither NUL nor lone surrogates, and"
    " numbers are finite and at most 2^63 - 1; a body that holds others is refused."
)
_IMPORTED = {
    NDJSON: "One object a line, each with the shape of the schema `ExampleBody`.",
    CSV: "A header of different names, then a row for each example: `input`, and `ideal`, `id`, `tags` split by `;`;"
    " other columns go into `meta`.",
}


@lru_cache(maxsize=4)
def document(most_iterations: int = 100) -> Value:
    """Return the OpenAPI document of a server that lets a job have so many iterations; it is shared: not to change."""
    paths: dict[str, Value] = {}
    for method, path in OPERATIONS:
        paths.setdefault(path, {})[method] = _operation(method, path, most_iterations)
    return {
        "openapi": "3.1.0",
        "info": {"title": "gepa-next", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(each.group for each in OPERATIONS.values())],
        "security": SECURITY["token"],
        "paths": paths,
        "components": {
            "securitySchemes": _SCHEMES,
            "schemas": _schemas(),
            "headers": {name: {"description": said, "schema": {"type": "string"}} for name, said in HEADERS.items()},
            "examples": {code: {"value": error_sample(code)} for code in STATUS_BY_CODE},
        },
    }


def _schemas() -> Value:
    asked = [each.request for each in OPERATIONS.values() if each.request]
    told = [answer.shape for each in OPERATIONS.values() for answer in each.answers.values() if answer.shape]
    shapes: list[tuple[type[BaseModel], JsonSchemaMode]] = [(shape, "validation") for shape in dict.fromkeys(asked)]
    told.append(EventState)
    shapes += [(shape, "serialization") for shape in dict.fromkeys(told)]
    _, found = models_json_schema(shapes, ref_template=SCHEMA)
    return {**found["$defs"], "Error": _ERROR}


def _operation(method: str, path: str, most_iterations: int) -> Value:
    operation = OPERATIONS[method, path]
    described: Value = {
        "operationId": operation_id(method, path),
        "summary": operation.summary,
        "tags": [operation.group],
        "parameters": [_parameter(each, most_iterations) for each in operation.parameters],
        "responses": responses(method, path, OPERATIONS),
    }
    if operation.request is not None:
        described["requestBody"] = {"required": operation.needs_body, "content": _request(operation)}
    if operation.access != "token":
        described["security"] = SECURITY[operation.access]
    return described


def _parameter(each: Parameter, most_iterations: int) -> Value:
    most = {"maximum": most_iterations} if each is ITERATIONS else {}
    shown = {} if each.example is None else {"example": each.example}
    return {
        "name": each.name,
        "in": each.place,
        "required": each.place == "path",
        "description": each.description,
        "schema": {**each.schema, **most},
        **shown,
    }


def _request(operation: Operation) -> Value:
    assert operation.request is not None  # noqa: S101 - asked before
    one, name = reference(operation.request), operation.request.__name__
    if not operation.imports:
        return {JSON: {"schema": one, "examples": _examples(name)}}
    many = {"type": "array", "items": {}, "description": f"Each with the shape of the schema `{name}`."}
    texts = {
        kind: {"schema": {"type": "string", "description": said}, "examples": _examples(f"{name} {kind}")}
        for kind, said in _IMPORTED.items()
    }
    return {JSON: {"schema": {"anyOf": [one, many]}, "examples": _examples(name)}, **texts}


def _examples(name: str) -> Value:
    found = read_requests()[name]
    return {str(place): {"summary": said, "value": value} for place, (said, value) in enumerate(found.items(), 1)}


_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id"],
            "properties": {
                "code": {"type": "string", "enum": sorted(STATUS_BY_CODE)},
                "message": {"type": "string"},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["path", "message"],
                        "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
                    },
                },
                "request_id": {"type": "string"},
            },
        }
    },
}
