"""How the page of the API words schemas: types with their limits, fields, texts with code in them, curl lines."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
Part = tuple[str, str | None]  # a piece of text, and the schema that it links to
NAMES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
_UNITS = {"Length": "characters", "Items": "items", "Properties": "entries"}


def kind(schema: Schema) -> list[Part]:
    """Return what a value is, in pieces."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return [(name, name)]
    if "anyOf" in schema:
        return _either(schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return [(" | ".join(json.dumps(each) for each in schema.get("enum", [schema.get("const")])), None)]
    if schema.get("type") == "array":
        return [("list", None), *_of(schema.get("items")), *_limits(schema)]
    if schema.get("type") == "object":
        return [("object", None), *_of(_values(schema)), *_limits(schema)]
    return [(NAMES.get(str(schema.get("type")), "any JSON"), None), *_limits(schema)]


def _either(schemas: list[Schema]) -> list[Part]:
    found: list[Part] = []
    for schema in schemas:
        found += [(" or ", None), *kind(schema)] if found else kind(schema)
    return found


def _of(inner: object) -> list[Part]:
    return [(" of ", None), *kind(inner)] if isinstance(inner, Mapping) and inner else []


def _values(schema: Schema) -> object:
    by_pattern = schema.get("patternProperties", {})
    return next(iter(by_pattern.values()), schema.get("additionalProperties"))


def _limits(schema: Schema) -> list[Part]:
    said = [_range(schema, "minimum", "maximum", "")]
    said += [_range(schema, f"min{unit}", f"max{unit}", f" {word}") for unit, word in _UNITS.items()]
    if "exclusiveMinimum" in schema:
        said.append(f"above {schema['exclusiveMinimum']:,}")
    if "exclusiveMaximum" in schema:
        said.append(f"below {schema['exclusiveMaximum']:,}")
    if "pattern" in schema:
        said.append(f"matching {schema['pattern']}")
    return [(f", {each}", None) for each in said if each]


def _range(schema: Schema, low: str, high: str, unit: str) -> str:
    least, most = schema.get(low), schema.get(high)
    if least is None and most is None:
        return ""
    if most is None:
        return f"at least {least:,}{unit}" if least else ""
    return f"{least:,} to {most:,}{unit}" if least is not None else f"up to {most:,}{unit}"


def shown_json(value: object) -> str:
    """Return an example as it is read best; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def default_of(schema: Schema) -> str:
    """Return a default in short; nothing where there is none, or where it says no more than leaving it out."""
    value = schema.get("default")
    return "" if value in (None, [], {}, "") or isinstance(value, dict) else json.dumps(value)


def pieces(text: str) -> list[tuple[bool, str]]:
    """Return a text in pieces, each with whether it stood between backticks."""
    return [(place % 2 == 1, each) for place, each in enumerate(text.split("`")) if each]


def curl(method: str, path: str, operation: Schema) -> str:
    """Return a command that sends the operation's first example; $URL and $TOKEN are the reader's."""
    given = operation["parameters"]
    for each in (each for each in given if each["in"] == "path"):
        path = path.replace(f"{{{each['name']}}}", str(each.get("example", each["name"])))
    words = ["curl", "-sS"] + ([] if method == "get" else ["-X", method.upper()])
    line = f'{shlex.join(words)} "$URL{path}"'
    if operation.get("security") != []:
        line += ' -H "Authorization: Bearer $TOKEN"'
    body = operation.get("requestBody")
    if body is None:
        return line
    content_type, media = next(iter(body["content"].items()))
    sent = json.dumps(next(iter(media["examples"].values()))["value"], ensure_ascii=False)
    return f"{line} \\\n  -H {shlex.quote(f'Content-Type: {content_type}')} \\\n  -d {shlex.quote(sent)}"


def anchor(text: str) -> str:
    """Return what a place of the page is linked by."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


FILTERS = (kind, shown_json, default_of, pieces, anchor)
