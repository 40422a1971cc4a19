"""JSON as models write it: read strictly, within limits, and compared as values."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NoReturn

from gepa_next.metrics.deterministic import quoted

DEEPEST = 100
LONGEST_SHOWN = 100
FENCE = "```"


class NotJsonError(ValueError):
    """Say why a text is not JSON that can be used."""


def read_json(text: str, *, number: Callable[[str], object] = Decimal) -> object:
    """Return the value of a JSON text (RFC 8259), of two members of one name the last; NotJsonError says what is wrong.

    Refused besides what is no JSON: more than 100 levels, and integers of more than 4,300 digits.
    """
    try:
        value: object = json.loads(text, parse_constant=_no_constant, parse_float=number)
    except json.JSONDecodeError as error:
        said = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise NotJsonError(f"{said}, before {quoted(text[error.pos :], 20)}") from None
    except RecursionError:
        raise _too_deep() from None
    except NotJsonError:
        raise
    except (ValueError, ArithmeticError):
        raise NotJsonError("a number in it has too many digits") from None
    _refuse_deep(value)
    return value


def without_fence(text: str) -> str:
    """Return what stands in the code fence that encloses the whole text, else the text, stripped."""
    bare = text.strip()
    first, line_break, rest = bare.partition("\n")
    if not line_break or not first.startswith(FENCE) or "`" in first[len(FENCE) :] or not rest.endswith(FENCE):
        return bare
    return rest[: -len(FENCE)].strip()


def differences(expected: object, got: object, path: str = "$") -> Iterator[str]:
    """Yield how a JSON value differs from the one expected, each with its path; nothing if they are equal.

    Numbers are equal as numbers (1 and 1.0 are), the order of members does not count, that of items does.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            place = _member(path, key)
            yield from differences(value, got[key], place) if key in got else [f"{place} is missing"]
        yield from (f"{_member(path, key)} should not be there" for key in got if key not in expected)
    elif isinstance(expected, list) and isinstance(got, list):
        for number, (one, other) in enumerate(zip(expected, got, strict=False)):
            yield from differences(one, other, f"{path}[{number}]")
        if len(expected) != len(got):
            yield f"{path} has {len(got)} items, expected {len(expected)}"
    elif not _same(expected, got):
        yield f"{path}: expected {shown(expected)}, got {shown(got)}"


def shown(value: object) -> str:
    """Return a JSON value as text, only its start if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=_as_number)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _same(one: object, other: object) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _member(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{shown(key)}]"


def _as_number(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else str(value)


def _no_constant(name: str) -> NoReturn:
    raise NotJsonError(f"{name} is not JSON")


def _refuse_deep(value: object) -> None:
    waiting = [(1, value)]
    while waiting:
        depth, each = waiting.pop()
        if isinstance(each, dict | list):
            if depth > DEEPEST:
                raise _too_deep()
            waiting += ((depth + 1, inner) for inner in (each.values() if isinstance(each, dict) else each))


def _too_deep() -> NotJsonError:
    return NotJsonError(f"it is nested more than {DEEPEST} levels deep")
