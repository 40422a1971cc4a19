"""One method of one path, as the description of the API has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
TEXT = "text/plain"
EVENT_STREAM = "text/event-stream"
NAMED_ERRORS = ("not_found",)
WRITE_ERRORS = ("invalid_json", "payload_too_large", "unsupported_media_type", "validation_error", "store_busy")
OWNER_ERRORS = ("too_many_jobs", "quota_exceeded")
READ_BODY_ERRORS = tuple(code for code in WRITE_ERRORS if code != "store_busy")
Place = Literal["path", "query", "header"]
Access = Literal["token", "open", "optional", "metrics", "stream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value beside the body, with its JSON Schema and one that is right."""

    name: str
    place: Place
    description: str
    schema: Mapping[str, object]
    example: object


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error: what it means, its shape by content type, and the headers of its own."""

    description: str
    shape: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)  # content types that are no JSON, and what is in them


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    summary: str
    group: str
    answers: Mapping[int, Answer]
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    request: type[BaseModel] | None = None
    needs_body: bool = True
    imports: bool = False  # many at once, in other content types too
    errors: tuple[str, ...] = ()
    access: Access = "token"


Operations = Mapping[tuple[str, str], Operation]
