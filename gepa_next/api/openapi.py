"""The description of the API, made from the shapes it checks requests with."""

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gepa_next.api.auth import open_route
from gepa_next.api.comparison_shapes import ComparisonBody
from gepa_next.api.comparison_states import ComparisonQuoteState, ComparisonState
from gepa_next.api.errors import STATUS_BY_CODE
from gepa_next.api.fork_shapes import ForkBody
from gepa_next.api.operation import JSON, NAMED_ERRORS, WRITE_ERRORS, Operation
from gepa_next.api.pin_operations import PIN_OPERATIONS
from gepa_next.api.quote_state import QuoteState
from gepa_next.api.schemas import ExampleBody, OptimizeBody, ResumeBody
from gepa_next.api.states import JobPage, JobState, StreamTokenState
from gepa_next.version import VERSION

bp = Blueprint("openapi", __name__, url_prefix="/v1")

REFERENCE = "#/components/schemas/{model}"


_JOB, _WRITE = NAMED_ERRORS, WRITE_ERRORS
_READ = tuple(code for code in WRITE_ERRORS if code != "store_busy")
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("post", "/v1/optimize"): Operation(
        summary="Create a job, or return the one the same request made before (200)",
        also={200: "The job that the same request made before"},
        success=201,
        request=OptimizeBody,
        response=JobState,
        query=("iterations",),
        headers=("Idempotency-Key",),
        errors=(*_WRITE, "idempotency_key_reused", "program_not_allowed", "queue_full", "shutting_down"),
    ),
    ("post", "/v1/optimize/quote"): Operation(
        summary="Say what the job of this body would take; makes none",
        request=OptimizeBody,
        response=QuoteState,
        query=("iterations",),
        errors=(*_READ, "program_not_allowed"),
    ),
    ("get", "/v1/optimize"): Operation(
        summary="List jobs, newest first",
        response=JobPage,
        query=("status", "limit", "cursor"),
        errors=("validation_error",),
    ),
    ("get", "/v1/optimize/{job_id}"): Operation(
        summary="Read a job's state",
        response=JobState,
        headers=("If-None-Match",),
        errors=_JOB,
        also={304: "Nothing has changed"},
    ),
    ("delete", "/v1/optimize/{job_id}"): Operation(
        summary="Cancel a job", response=JobState, errors=(*_JOB, "not_cancelable", "store_busy")
    ),
    ("post", "/v1/optimize/{job_id}/stop"): Operation(
        summary="Have a job end soon with the best so far, its final test included",
        success=202,
        response=JobState,
        errors=(*_JOB, "not_stoppable", "store_busy"),
    ),
    ("post", "/v1/optimize/{job_id}/resume"): Operation(
        summary="Have a terminal job go on from its checkpoint, under larger limits if given",
        success=202,
        request=ResumeBody,
        needs_body=False,
        response=JobState,
        errors=(*_JOB, *_WRITE, "not_resumable"),
    ),
    ("post", "/v1/optimize/{job_id}/fork"): Operation(
        summary="Create a job that begins with a candidate of this one, or with all it knew as of an event",
        also={200: "The job that the same request made before"},
        success=201,
        request=ForkBody,
        needs_body=False,
        response=JobState,
        headers=("Idempotency-Key",),
        errors=(*_JOB, *_WRITE, "idempotency_key_reused", "program_not_allowed", "queue_full", "shutting_down"),
    ),
    ("post", "/v1/optimize/{job_id}/fork/quote"): Operation(
        summary="Say what the fork of this body would take; makes none",
        request=ForkBody,
        needs_body=False,
        response=QuoteState,
        errors=(*_JOB, *_READ, "program_not_allowed"),
    ),
    ("get", "/v1/optimize/{job_id}/events"): Operation(
        summary="Follow a job's events as server-sent events; 204 when there will be no more",
        content_type="text/event-stream",
        also={204: "The job has ended and there are no more events"},
        query=("last_event_id", "stream_token"),
        headers=("Last-Event-ID",),
        errors=(*_JOB, "too_many_streams"),
    ),
    ("post", "/v1/optimize/{job_id}/stream-token"): Operation(
        summary="Get a token that opens this job's event stream, for a page with an EventSource",
        response=StreamTokenState,
        errors=_JOB,
    ),
    ("get", "/v1/optimize/{job_id}/candidates"): Operation(
        summary="List every candidate of a job, or those comparable ones that no other, or another, dominates",
        query=("nondominated",),
        errors=_JOB,
    ),
    ("get", "/v1/optimize/{job_id}/artifacts"): Operation(summary="List a job's artifacts", errors=_JOB),
    ("get", "/v1/optimize/{job_id}/artifacts/{name}"): Operation(
        summary="Read an artifact", content_type="*/*", errors=_JOB
    ),
    ("get", "/v1/examples"): Operation(
        summary="List the example bank, or get all of it as a file in the format jsonl or csv",
        query=("tag", "limit", "cursor", "format"),
        errors=("validation_error",),
    ),
    ("post", "/v1/examples"): Operation(
        summary="Write one example (201) or many (200)",
        query=("dry_run",),
        success=201,
        request=ExampleBody,
        errors=_WRITE,
        also={200: "How many were written, and the rows that could not be used"},
        imports=True,
    ),
    ("get", "/v1/examples/{example_id}"): Operation(summary="Read an example", errors=_JOB),
    ("delete", "/v1/examples/{example_id}"): Operation(summary="Delete an example", success=204, errors=_JOB),
    **PIN_OPERATIONS,
    ("post", "/v1/comparisons"): Operation(
        summary="Create a job for each of several models, or return the comparison the same request made before (200)",
        also={200: "The comparison that the same request made before"},
        success=201,
        request=ComparisonBody,
        response=ComparisonState,
        query=("iterations",),
        headers=("Idempotency-Key",),
        errors=(*_WRITE, "idempotency_key_reused", "queue_full", "shutting_down"),
    ),
    ("post", "/v1/comparisons/quote"): Operation(
        summary="Say what the comparison of this body would take, in all and each of its jobs; makes none",
        request=ComparisonBody,
        response=ComparisonQuoteState,
        query=("iterations",),
        errors=_READ,
    ),
    ("get", "/v1/comparisons/{comparison_id}"): Operation(
        summary="Read what the targets of a comparison have come to, side by side",
        response=ComparisonState,
        headers=("If-None-Match",),
        errors=_JOB,
        also={304: "Nothing has changed"},
    ),
    ("delete", "/v1/comparisons/{comparison_id}"): Operation(
        summary="Cancel the jobs of a comparison that have not ended",
        response=ComparisonState,
        errors=(*_JOB, "not_cancelable", "store_busy"),
    ),
    ("get", "/v1/healthz"): Operation(summary="Say that the process answers", is_open=True),
    ("get", "/v1/readyz"): Operation(
        summary="Say check by check whether work can be done", also={503: "Work cannot be done"}, is_open=True
    ),
    ("get", "/v1/version"): Operation(summary="Say what runs here", is_open=True),
    ("get", "/v1/metrics"): Operation(summary="Metrics for Prometheus", content_type="text/plain", is_open=True),
    ("get", "/v1/metricsz"): Operation(summary="The same numbers as flat JSON", is_open=True),
    ("get", "/v1/openapi.json"): Operation(summary="This description", is_open=True),
}


SHAPES = tuple(
    dict.fromkeys(shape for each in OPERATIONS.values() for shape in (each.request, each.response) if shape is not None)
)


@bp.get("/openapi.json")
@open_route
def describe() -> Response:
    """Return the description as OpenAPI 3.1."""
    return jsonify(document())


def document() -> dict[str, object]:
    """Return the OpenAPI document."""
    _, schemas = models_json_schema([(shape, "validation") for shape in SHAPES], ref_template=REFERENCE)
    paths: dict[str, dict[str, object]] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method] = _operation(method, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "gepa-next", "version": VERSION, "description": "Prompt optimization for one box."},
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas["$defs"], "Error": _ERROR},
        },
    }


def _operation(method: str, path: str, operation: Operation) -> dict[str, object]:
    name = path.removeprefix("/v1/").replace("{", "").replace("}", "").replace("/", "_").replace(".", "_")
    described: dict[str, object] = {
        "operationId": f"{method}_{name}",
        "summary": operation.summary,
        "parameters": _parameters(path, operation),
        "responses": _responses(method, operation),
    }
    if operation.request is not None:
        described["requestBody"] = {
            "required": operation.needs_body,
            "content": _request(operation.request, imports=operation.imports),
        }
    if operation.is_open:
        described["security"] = []
    return described


def _parameters(path: str, operation: Operation) -> list[dict[str, object]]:
    in_path = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    named = [(name, "path") for name in in_path]
    named += [(name, "query") for name in operation.query]
    named += [(name, "header") for name in operation.headers]
    return [
        {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}} for name, place in named
    ]


def _request(shape: type[BaseModel], *, imports: bool) -> dict[str, object]:
    one: dict[str, object] = dict(_reference(shape))
    if not imports:
        return {JSON: {"schema": one}}
    many = {"type": "array", "items": one}
    lines = {"schema": {"type": "string"}}
    return {JSON: {"schema": {"oneOf": [one, many]}}, "application/x-ndjson": lines, "text/csv": lines}


def _responses(method: str, operation: Operation) -> dict[str, object]:
    content = {} if operation.success == 204 else {"content": _answer(operation)}  # noqa: PLR2004
    responses: dict[str, object] = {str(operation.success): {"description": "Success", **content}}
    responses |= {str(status): {"description": said} for status, said in operation.also.items()}
    checked = () if operation.is_open else ("unauthorized", "forbidden", "rate_limited", "validation_error")
    foreign = ("cross_origin",) if method != "get" and not operation.is_open else ()
    codes = tuple(dict.fromkeys((*operation.errors, *checked, *foreign, "internal_error")))
    for status in sorted({STATUS_BY_CODE[code] for code in codes}):
        named = [code for code in codes if STATUS_BY_CODE[code] == status]
        error = {"content": {JSON: {"schema": {"$ref": REFERENCE.format(model="Error")}}}}
        responses[str(status)] = {"description": ", ".join(named), **error}
    return responses


def _answer(operation: Operation) -> dict[str, object]:
    schema = _reference(operation.response) if operation.response else {}
    plain = {"text/plain": {"schema": {"type": "string"}}} if operation.text else {}
    return {operation.content_type: {"schema": schema}, **plain}


def _reference(shape: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=shape.__name__)}


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
