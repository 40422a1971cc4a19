"""Whether a value is a JSON Schema that outputs can be checked against within limits."""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft7Validator, Draft202012Validator

from gepa_next.errors import InvalidError
from gepa_next.gepa.pause import pause
from gepa_next.metrics.pattern import compiled

LONGEST_SCHEMA = 20_000
Place = tuple[str, ...]
Schema = dict[str, Any]

Draft = type[Any]  # a class of validators, which the library makes at run time

DRAFTS: Mapping[str, Draft] = MappingProxyType(
    {
        "https://json-schema.org/draft/2020-12/schema": Draft202012Validator,
        "http://json-schema.org/draft-07/schema": Draft7Validator,
    }
)
NEWEST = next(iter(DRAFTS))
# Their cost cannot be bounded, or they change what the schema around them means.
NOT_TAKEN = frozenset({"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"})
ONLY_AT_THE_TOP = frozenset({"$schema", "$id"})

_IN_VALUE = frozenset(
    {"additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
)
_IN_LIST = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
_BY_NAME = frozenset({"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"})


def check_schema(schema: object) -> None:
    """Raise InvalidError, its path below the schema, unless outputs can be checked against it."""
    if not isinstance(schema, dict | bool):
        raise _wrong((), "a JSON Schema is an object, true or false")
    if len(json.dumps(schema)) > LONGEST_SCHEMA:
        raise _wrong((), f"the schema is longer than {LONGEST_SCHEMA} characters of JSON")
    known = dict(_schemas(schema, ()))
    validator = DRAFTS[draft_of(schema)]
    for place, each in known.items():
        if isinstance(each, dict):
            _check_one(validator, each, place)
            _check_reference(each, place, known)
            pause()  # a large schema takes a while, and streams wait


def draft_of(schema: object) -> str:
    """Return the name of the schema's draft, the newest if it says none; InvalidError for one not taken."""
    name = str(schema.get("$schema", NEWEST) if isinstance(schema, Mapping) else NEWEST).removesuffix("#")
    if name not in DRAFTS:
        raise _wrong(("$schema",), f"one of {', '.join(DRAFTS)}")
    return name


def _schemas(schema: object, place: Place) -> Iterator[tuple[Place, object]]:
    """Yield the schema and every schema in it, with its place."""
    yield place, schema
    if isinstance(schema, dict):
        for step, inner in _inner(schema):
            yield from _schemas(inner, (*place, *step))


def _inner(schema: Schema) -> Iterator[tuple[Place, object]]:
    """Yield the schemas directly inside; what should be one and cannot be is left to the check of the schema around."""
    for key, value in schema.items():
        if key in _IN_VALUE and isinstance(value, dict | bool):
            yield (key,), value
        elif key in _IN_LIST and isinstance(value, list):
            yield from (((key, str(n)), each) for n, each in enumerate(value) if isinstance(each, dict | bool))
        elif key in _BY_NAME and isinstance(value, dict):
            yield from (((key, name), each) for name, each in value.items() if isinstance(each, dict | bool))


def _check_one(validator: Draft, schema: Schema, place: Place) -> None:
    """Raise InvalidError for the first keyword that is wrong, the schemas inside left aside."""
    for key in schema.keys() & NOT_TAKEN:
        raise _wrong((*place, key), "this keyword is not taken")
    for key in schema.keys() & ONLY_AT_THE_TOP if place else ():
        raise _wrong((*place, key), "only at the top of the schema")
    alone = {key: _without_schemas(key, value) for key, value in schema.items() if key not in ONLY_AT_THE_TOP}
    # The first error only: what comes after it may take long on a schema that is none.
    error = next(validator(validator.META_SCHEMA).iter_errors(alone), None)
    if error is not None:
        raise _wrong((*place, *map(str, error.absolute_path)), error.message)
    for pattern, path in _patterns(schema):
        _check_pattern(pattern, (*place, *path))


def _without_schemas(key: str, value: object) -> object:
    if key in _IN_VALUE and isinstance(value, dict):
        return True
    if key in _IN_LIST and isinstance(value, list):
        return [True if isinstance(each, dict) else each for each in value]
    if key in _BY_NAME and isinstance(value, dict):
        return {name: each for name, each in value.items() if not isinstance(each, dict | bool)}
    return value


def _patterns(schema: Schema) -> Iterator[tuple[str, Place]]:
    if "pattern" in schema:
        yield schema["pattern"], ("pattern",)
    for pattern in schema.get("patternProperties", {}):
        yield pattern, ("patternProperties", pattern)


def _check_pattern(pattern: str, place: Place) -> None:
    try:
        compiled(pattern)
    except ValueError as error:
        raise _wrong(place, str(error)) from None


def _check_reference(schema: Schema, place: Place, known: Mapping[Place, object]) -> None:
    """Raise InvalidError for a reference to anything but a schema in this one."""
    reference = schema.get("$ref")
    if reference is None:
        return
    steps = [unquote(step).replace("~1", "/").replace("~0", "~") for step in reference.split("/")]
    if steps[0] != "#" or tuple(steps[1:]) not in known:
        raise _wrong((*place, "$ref"), "a reference is # or begins with #/, and leads to a schema in this one")


def _wrong(place: Place, message: str) -> InvalidError:
    return InvalidError("not a schema that can be used", [(".".join(place), message[:500])])
