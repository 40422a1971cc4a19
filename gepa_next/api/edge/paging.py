"""Query values and cursors of lists: what is not known is refused, never guessed."""

import base64
import binascii
import json
import re

from flask import request

from gepa_next.api.edge.asked import asked
from gepa_next.api.edge.body import parse_json
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.errors import RefusedError

DEFAULT_LIMIT = 50
MOST = 500
_DIGITS = re.compile(r"[0-9]{1,18}")


def refuse_unknown(*known: str) -> None:
    """Raise InvalidError for a query value of another name, or one given twice."""
    if not asked().query_string:
        return
    for name, values in request.args.lists():
        if name not in known:
            raise invalid(name, f"unknown; known are {', '.join(known) or 'none'}")
        if len(values) > 1 and name != "tag":
            raise invalid(name, "given twice")


def number(name: str, *, smallest: int, largest: int) -> int | None:
    """Return a whole number from the query, None if it is not there."""
    text = request.args.get(name)
    if text is None:
        return None
    # ASCII digits only: str.isdigit is true of characters that int refuses.
    value = int(text) if _DIGITS.fullmatch(text) else smallest - 1
    if not smallest <= value <= largest:
        raise invalid(name, f"a whole number from {smallest} to {largest}")
    return value


def truth(name: str) -> bool | None:
    """Return `true` or `false` from the query, None if it is not there."""
    text = request.args.get(name)
    if text not in {None, "true", "false"}:
        raise invalid(name, "true or false")
    return None if text is None else text == "true"


def limit() -> int:
    """Return how many items a page holds."""
    return number("limit", smallest=1, largest=MOST) or DEFAULT_LIMIT


def encode_cursor(*parts: str | float) -> str:
    """Return an opaque cursor."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def cursor(*types: type) -> list[str | float] | None:
    """Return the parts of the cursor in the query, None if there is none."""
    text = request.args.get("cursor")
    if text is None:
        return None
    try:
        parts = parse_json(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode())
    except (ValueError, binascii.Error, RefusedError):
        raise invalid("cursor", "not a cursor of this list") from None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(types):
        raise invalid("cursor", "not a cursor of this list")
    return parts
