"""Request bodies: read within the limit, parsed strictly, refused when no store could hold them."""

import json
import math
import re
from collections.abc import Iterable
from itertools import chain
from typing import NoReturn

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from gepa_next.api.edge.wiring import wiring
from gepa_next.errors import InvalidError, RefusedError

DEEPEST = 100  # pydantic reads back at most 200 levels of what it wrote
LARGEST_INTEGER = 2**63 - 1
_LARGE_NUMBER = re.compile(r"[0-9](?:[0-9]{18}|[eE])")


def read_text(*content_types: str) -> str:
    """Return the body as text; RefusedError for another type, an encoding, too many bytes or no UTF-8."""
    if request.mimetype not in content_types:
        raise RefusedError("unsupported_media_type", f"send {' or '.join(content_types)}")
    refuse_encoded()
    try:
        return _read_bytes(wiring().limits.request_bytes).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RefusedError("invalid_json", "the body is not UTF-8") from None


def refuse_encoded() -> None:
    """Raise RefusedError for a body that is said to be packed, which nobody here unpacks."""
    if request.headers.get("Content-Encoding", "").strip().lower() not in {"", "identity"}:
        raise RefusedError("unsupported_media_type", "send the body without Content-Encoding")


def _read_bytes(limit: int) -> bytes:
    # A chunked body has no length, and werkzeug cuts it at the maximum in silence: one byte more tells.
    request.max_content_length = limit + 1
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise _too_large(limit) from None
    except Exception as error:  # noqa: BLE001 - each server has classes of its own for chunks that it cannot read
        raise RefusedError("invalid_json", f"the body cannot be read: {type(error).__name__}") from None
    if len(raw) > limit:
        raise _too_large(limit)
    return raw


def _too_large(limit: int) -> RefusedError:
    return RefusedError("payload_too_large", f"the body is larger than {limit} bytes")


def has_body() -> bool:
    """Say whether the request came with a body."""
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def read_json() -> object:
    """Return the JSON body; RefusedError if it is not JSON, InvalidError if it holds what cannot be kept."""
    return parse_json(read_text("application/json"))


def parse_json(text: str, *, name: str = "the body") -> object:
    """Return the value of a JSON text, and refuse numbers without end, lone surrogates, NUL and deep nesting."""
    try:
        value: object = _DECODER.decode(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise RefusedError("invalid_json", f"{name} is not JSON: {error}") from None
    # Looking at every value takes several times as long as reading them all.
    if _is_doubtful(text):
        refuse_unstorable(value)
    if text.count("[") + text.count("{") > DEEPEST:
        _refuse_deep(value)
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _is_doubtful(text: str) -> bool:
    """Say whether the JSON may hold NUL, half a surrogate pair, or a number too large."""
    return "\\u0000" in text or "\\ud" in text or "\\uD" in text or bool(_LARGE_NUMBER.search(text))


def _refuse_deep(value: object) -> None:
    """Raise RefusedError if the value has too many levels."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = list(chain.from_iterable(map(_inside, level)))
    if level:
        raise _too_deep()


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def refuse_unstorable(value: object) -> None:
    """Raise InvalidError for a number, text or depth in the value that the store could not hold."""
    waiting: list[tuple[str, int, object]] = [("", 0, value)]
    while waiting:
        path, depth, each = waiting.pop()
        if depth > DEEPEST:
            raise _too_deep()
        if isinstance(each, dict):
            waiting.extend((f"{path}.{key}" if path else str(key), depth + 1, inner) for key, inner in each.items())
            waiting.extend((path, depth, key) for key in each)
        elif isinstance(each, list):
            waiting.extend(
                (f"{path}.{place}" if path else str(place), depth + 1, inner) for place, inner in enumerate(each)
            )
        elif problem := _problem(each):
            raise InvalidError("the request is not valid", [(path.encode(errors="replace").decode(), problem)])


def _too_deep() -> RefusedError:
    return RefusedError("invalid_json", f"the JSON is nested more than {DEEPEST} levels deep")


def _problem(value: object) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "the number is too large"
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return "the number is too large"
    if isinstance(value, str) and "\0" in value:
        return "the character NUL is not allowed"
    if isinstance(value, str) and any("\ud800" <= each <= "\udfff" for each in value):
        return "lone surrogates are not allowed"
    return None
