"""One method of one path, as the description of the API has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

JSON = "application/json"
NAMED_ERRORS = ("not_found",)
WRITE_ERRORS = ("invalid_json", "payload_too_large", "unsupported_media_type", "validation_error", "store_busy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    summary: str
    success: int = 200
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    content_type: str = JSON
    text: bool = False  # also as plain text
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    also: Mapping[int, str] = field(default_factory=dict)  # further answers that are no errors
    imports: bool = False
    needs_body: bool = True
    is_open: bool = False
