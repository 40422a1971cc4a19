"""Make dataclasses of the service's JSON: what is new in it is left out, what is missing takes its default."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import MappingProxyType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
RAW = "raw"
_NUMBERS = (int, float)


class UnreadableError(Exception):
    """Report JSON that is not what it should be."""


def read(kind: type[T], value: object) -> T:
    """Return an instance of the dataclass; its field `raw`, if it has one, is all of the value."""
    if not isinstance(value, dict):
        raise UnreadableError(f"{kind.__name__} is not an object")
    given: dict[str, object] = {}
    shape: Any = kind  # Any: which mypy cannot see to be hashable
    for name, hint in _hints(shape).items():
        if name == RAW:
            given[RAW] = value
        elif name in value:
            given[name] = _converted(hint, value[name], f"{kind.__name__}.{name}")
    if missing := _required(shape) - given.keys():
        raise UnreadableError(f"{kind.__name__} has no {min(missing)}")
    return kind(**given)


@cache
def _hints(kind: Any) -> Mapping[str, Any]:  # Any: a dataclass; types, or what stands for several
    return MappingProxyType(get_type_hints(kind))


@cache
def _required(kind: Any) -> frozenset[str]:  # Any: as above
    every = fields(kind)
    return frozenset(each.name for each in every if each.default is MISSING and each.default_factory is MISSING)


def _converted(hint: Any, value: object, name: str) -> object:  # Any: as above
    if isinstance(hint, UnionType):
        return None if value is None else _converted(get_args(hint)[0], value, name)
    if is_dataclass(hint):
        return read(hint, value)  # type: ignore[arg-type] # it is a class here, as annotations are
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_converted(get_args(hint)[0], each, name) for each in value)
    if get_origin(hint) is dict and isinstance(value, dict):
        return {key: _converted(get_args(hint)[1], each, name) for key, each in value.items()}
    if hint is float and isinstance(value, _NUMBERS) and not isinstance(value, bool):
        return float(value)
    if hint in {Any, object} or type(value) is hint:
        return value
    raise UnreadableError(f"{name} is {type(value).__name__}")
