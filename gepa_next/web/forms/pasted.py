"""Examples as somebody pastes them or has them in a file: a JSON list, JSON lines, one JSON object, or CSV."""

from collections.abc import Iterable

from gepa_next.api.bank.csv_rows import Row, csv_rows
from gepa_next.api.bank.importing import json_lines
from gepa_next.api.edge.body import parse_json
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.errors import InvalidError, RefusedError


def read_examples(text: str) -> list[object]:
    """Return the examples of the text, not yet validated; InvalidError says which line cannot be read."""
    text = text.removeprefix("\ufeff")
    beginning = text.lstrip()[:1]
    if beginning in {"[", "{"}:
        return _parsed(text, listed=beginning == "[")
    return _readable(_rows(text)) if beginning else []


def _parsed(text: str, *, listed: bool) -> list[object]:
    try:
        found = parse_json(text, name="it")  # a list, or one object that may take several lines
    except InvalidError as error:
        raise invalid("examples", _said(error)) from None
    except RefusedError as error:
        if not listed:
            return _readable(json_lines(text))
        raise invalid("examples", f"this list cannot be read: {error.message}") from None
    return found if isinstance(found, list) else [found]


def _rows(text: str) -> list[Row]:
    try:
        return list(csv_rows(text))
    except InvalidError as error:
        raise invalid("examples", f"neither JSON nor a CSV that can be read: {_said(error)}") from None


def _readable(rows: Iterable[Row]) -> list[object]:
    found = []
    for number, value in rows:
        if isinstance(value, RefusedError):
            raise invalid("examples", f"line {number}: {_said(value)}")
        found.append(value)
    return found


def _said(error: RefusedError) -> str:
    details = error.details if isinstance(error, InvalidError) else []
    return "; ".join(f"{path}: {message}" if path else message for path, message in details) or error.message
