"""Decode JSON as models write it: line breaks inside texts do no harm, numbers that JSON does not have do."""

import json

from gepa_next.llm.text import clean_value


def _finite(number: str) -> float:
    value = float(number)
    if value in {float("inf"), float("-inf")}:
        raise ValueError(f"{number} is too large")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


# Line breaks inside strings are the commonest slip, and harmless: hence not strict.
DECODER = json.JSONDecoder(strict=False, parse_float=_finite, parse_constant=_no_constant)


def decode(text: str) -> object:
    """Return what the text says, safe to store, or None when it is not JSON."""
    try:
        return clean_value(DECODER.decode(text))
    except (ValueError, RecursionError):
        return None
