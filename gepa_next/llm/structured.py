"""Read a model's reply as a dataclass: the whole reply or nothing, never a number found in prose."""

import json
import re
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from gepa_next.llm.json_text import DECODER, decode
from gepa_next.llm.repair import UnreadableReply, repaired
from gepa_next.llm.text import clean_value, strip_reasoning

OBJECTS_READ = 20

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n`]*$", re.MULTILINE)
_OBJECT_START = re.compile(r"""\{\s*(?:["'}]|\w+\s*:)""")  # in prose {x} is no object
_DROPPED_KEYWORDS = ("title", "default", "description")


def _flag_nothing(_: str) -> None:
    """Drop the flag."""


def read_reply(text: str, reply_type: type, *, flag: Callable[[str], None] = _flag_nothing) -> object:
    """Return the one JSON object in the text as a `reply_type`, a dataclass; UnreadableReply otherwise.

    Reasoning tags, code fences and prose around the object are passed over; unknown keys are ignored. A list alone is
    taken for the one field of a type that has no other. `flag` is told when the JSON had to be repaired.
    """
    whole = decode(text)  # as it stands: a tag or fence inside it is quoted, and part of what it says
    if isinstance(whole, dict):
        return _validate(whole, reply_type)
    body = _without_fences(strip_reasoning(text))
    whole = _whole(body, reply_type)
    if whole is not None:
        return _validate(whole, reply_type)
    found = _objects(body)
    if found:
        return _the_only_valid(found, reply_type)
    reply = _validate(_repair(body, reply_type), reply_type)
    flag("reply_repaired")
    return reply


def reply_schema(reply_type: type) -> dict[str, object]:
    """Return the JSON schema of the dataclass in the strict form: every key required, no others."""
    schema = _strict(_adapter(reply_type).json_schema())
    if not isinstance(schema, dict):
        raise TypeError(f"{reply_type.__name__} has no object schema")
    return schema


def reply_form(reply_type: type) -> str:
    """Return the object as it is to be written, with dots for what it says: small models copy what they see."""
    types = get_type_hints(reply_type)
    return "{" + ", ".join(f'"{field.name}": {_form(types[field.name])}' for field in fields(reply_type)) + "}"


def _form(kind: object) -> str:
    if kind is str:
        return '"..."'
    if get_origin(kind) is list:
        item = _form(get_args(kind)[0])
        return f"[{item}, {item}]"
    return "..."


@cache
def _adapter(reply_type: type) -> TypeAdapter[object]:
    return TypeAdapter(reply_type)


def _strict(node: object, *, named: bool = False) -> object:
    """Return the schema node in strict form; where it is `named`, its keys are names and not keywords."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {
        key: _strict(item, named=key in {"properties", "$defs"} and not named)
        for key, item in node.items()
        if named or key not in _DROPPED_KEYWORDS
    }
    if not named and isinstance(node.get("properties"), dict):
        strict |= {"required": list(node["properties"]), "additionalProperties": False}
    return strict


def _without_fences(text: str) -> str:
    """Return what stands between the first fence and the last: small models nest them."""
    fences = list(_FENCE.finditer(text))
    if not fences:
        return text.strip()
    before, last = text[: fences[0].start()], fences[-1]
    if "{" in before:  # the fence is inside the object
        return text.strip()
    end = last.start() if len(fences) > 1 else len(text)
    return text[fences[0].end() : end].strip()


def _whole(body: str, reply_type: type) -> dict[str, object] | None:
    """Return the object that the whole body is, None when it is not one."""
    whole, (first, *more) = decode(body), fields(reply_type)
    if isinstance(whole, list) and not more and not any(isinstance(each, dict) for each in whole):
        return {first.name: whole}
    return whole if isinstance(whole, dict) else None


def _objects(body: str) -> list[dict[str, object]]:
    """Return the objects among the prose, outermost only; none when one of them is broken.

    What stands inside a broken object may be a quotation, never the answer.
    """
    found: list[dict[str, object]] = []
    start = _OBJECT_START.search(body)
    while start:
        try:
            value, end = DECODER.raw_decode(body, start.start())
            item = clean_value(value)
        except (ValueError, RecursionError):
            return []
        found += [item] if isinstance(item, dict) else []
        if len(found) > OBJECTS_READ:
            raise UnreadableReply(f"there are more than {OBJECTS_READ} JSON objects; exactly one must be")
        start = _OBJECT_START.search(body, end)
    return found


def _the_only_valid(found: list[dict[str, object]], reply_type: type) -> object:
    """Return the one object that fits: with two, an echo of the input could pass for the answer."""
    valid: list[object] = []
    for raw in found:
        try:
            reply = _validate(raw, reply_type)
        except UnreadableReply:
            if len(found) == 1:
                raise
            continue
        if reply not in valid:
            valid.append(reply)
    if len(valid) != 1:
        raise UnreadableReply(f"there are {len(found)} JSON objects and {len(valid)} of them fit; exactly one must")
    return valid[0]


def _repair(body: str, reply_type: type) -> dict[str, object]:
    start = _OBJECT_START.search(body)
    if not start:
        return _without_braces(body)
    return repaired(body[start.start() :], reply_type)


def _without_braces(body: str) -> dict[str, object]:
    """Return the object whose keys and values the body is; nothing else may stand there."""
    bare = decode(f"{{{body}}}")
    if not isinstance(bare, dict) or not bare:
        raise UnreadableReply("there is no JSON object")
    return bare


def _validate(raw: dict[str, object], reply_type: type) -> object:
    _refuse_booleans_as_numbers(raw, reply_type)
    adapter = _adapter(reply_type)
    try:
        reply = adapter.validate_python(raw)
        json.dumps(adapter.dump_python(reply), allow_nan=False, default=str)  # "NaN" in quotes passes for a float
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        words = (f"{'.'.join(map(str, each['loc'])) or 'the object'}: {each['msg']}" for each in found[:5])
        raise UnreadableReply("; ".join(words)) from error
    except ValueError as error:
        raise UnreadableReply("a number is not finite") from error
    return reply


def _refuse_booleans_as_numbers(raw: dict[str, object], reply_type: type) -> None:
    types = get_type_hints(reply_type)
    for field in fields(reply_type):
        if isinstance(raw.get(field.name), bool) and types[field.name] in {int, float}:
            raise UnreadableReply(f"{field.name}: a number, not true or false")
