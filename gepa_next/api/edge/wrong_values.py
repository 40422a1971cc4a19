"""What is wrong with a value that was sent, in words about JSON for the person who sent it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gepa_next.errors import InvalidError

MISSING = "is required"
NOT_AN_OBJECT = "must be an object"
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "missing": MISSING,
        "extra_forbidden": "there is no such field",
        "string_type": "must be text",
        "string_too_short": "must have at least {min_length} characters",
        "string_too_long": "must have at most {max_length} characters",
        "string_pattern_mismatch": "must be of the form {pattern}",
        "int_type": "must be a whole number",
        "int_parsing": "must be a whole number",
        "int_from_float": "must be a whole number",
        "float_type": "must be a number",
        "float_parsing": "must be a number",
        "finite_number": "must be a finite number",
        "bool_type": "must be true or false",
        "bool_parsing": "must be true or false",
        "list_type": "must be a list",
        "tuple_type": "must be a list",
        "dict_type": NOT_AN_OBJECT,
        "model_type": NOT_AN_OBJECT,
        "literal_error": "must be {expected}",
        "too_short": "must have at least {min_length} items",
        "too_long": "must have at most {max_length} items",
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be at most {le}",
    }
)


def invalid(path: str, message: str) -> InvalidError:
    """Return the error for one wrong value."""
    return InvalidError("the request is not valid", [(path, message)])


def said_of(error: Mapping[str, Any]) -> str:  # Any: pydantic's description of an error
    """Return what one of pydantic's errors says; one without words of ours in its own."""
    words = _WORDS.get(error["type"])
    if words is None:
        return str(error["msg"]).removeprefix("Value error, ")
    return _singular(words.format_map({name: _whole(value) for name, value in error.get("ctx", {}).items()}))


def _whole(value: object) -> object:
    """Return a number that is whole without its decimal point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _singular(said: str) -> str:
    return said.removesuffix("s") if said.endswith((" 1 characters", " 1 items")) else said
