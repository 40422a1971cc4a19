"""The metric on JSON Schema, with a bound on what a check may take."""

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry

from gepa_next.gepa.pause import pause
from gepa_next.gepa.types import Example, Verdict
from gepa_next.metrics.deterministic import DeterministicMetric, unscorable
from gepa_next.metrics.json_text import NotJsonError, read_json, shown, without_fence
from gepa_next.metrics.json_values import SHOWN, listed, not_json
from gepa_next.metrics.pattern import MOST_WORK, Pattern, compiled, occurs, work
from gepa_next.metrics.schema_check import DRAFTS, Draft, draft_of

MOST_STEPS = 50_000
STEPS_AT_ONCE = 200
STEP_WORK = MOST_WORK // MOST_STEPS  # so that all patterns of a check together take no longer than one of `regex`
LONGEST_MESSAGE = 200
Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]  # validator, value, instance, schema


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonSchema(DeterministicMetric):
    """Score 1 when the output is JSON that the schema allows, else 0.

    Range {0, 1}. JSON Schema of draft 2020-12, or draft-07 if `$schema` says so
    (https://json-schema.org/specification); `format` is an annotation, and patterns are in the language of `regex`. A
    code fence around the output is removed; what is JSON is said at `json_valid`. A check of more than 50,000 steps,
    or too deep, gives no score.
    """

    schema: Mapping[str, object] | bool

    def verdict(self, example: Example, output: str, /) -> Verdict:
        """Return 1 or 0, and the paths, rules and values that clash."""
        try:
            value = read_json(without_fence(output), number=float)
        except NotJsonError as error:
            return Verdict(score=0.0, feedback=not_json(error, output))
        found = self._errors(value, example)
        if not found:
            return Verdict(score=1.0, feedback="Right: JSON that fits the schema.")
        return Verdict(score=0.0, feedback=f"Wrong: {listed(found)}")

    def _errors(self, value: object, example: Example) -> list[str]:
        counter = _STEPS.set(_Steps())
        try:
            first = islice(self._validator().iter_errors(value), SHOWN + 1)
            return list(dict.fromkeys(map(_said, first)))
        except (_TooManySteps, RecursionError):
            said = f"checking the answer to example {example.id} against the schema takes too long or goes too deep"
            raise unscorable("too_complex", said) from None
        finally:
            _STEPS.reset(counter)

    def _validator(self) -> Any:
        # With its name a schema that refers to itself would be taken up by the library's own validator.
        named = {"$schema", "$id"}
        schema = self.schema
        if isinstance(schema, Mapping):
            schema = {key: value for key, value in schema.items() if key not in named}
        return _BOUNDED[draft_of(self.schema)](schema, registry=Registry())  # an empty one: nothing is fetched


class _TooManySteps(Exception):
    """Unwind a check that takes too long."""


class _Steps:
    """Counts the steps of one check, and gives way to others now and then."""

    def __init__(self) -> None:
        self.taken = self.rested = 0

    def take(self, number: int) -> None:
        self.taken += number
        if self.taken > MOST_STEPS:
            raise _TooManySteps
        if self.taken - self.rested > STEPS_AT_ONCE:
            self.rested = self.taken
            pause()


_STEPS: ContextVar[_Steps] = ContextVar("steps")


def _counted(keyword: Keyword) -> Keyword:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _STEPS.get().take(1 + (len(value) if isinstance(value, dict | list) else 0))
        yield from keyword(validator, value, instance, schema) or ()

    return counted


def _pattern(_validator: Any, value: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _found(compiled(value), instance):
        yield ValidationError(f"{instance!r} does not match {value!r}")


def _pattern_properties(validator: Any, value: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, schema in value.items():
            for name in instance:
                if _found(compiled(pattern), name):
                    yield from validator.descend(instance[name], schema, path=name, schema_path=pattern)


def _found(pattern: Pattern, text: str) -> bool:
    _STEPS.get().take(1 + work(pattern, text) // STEP_WORK)
    return occurs(pattern, text)


def _additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    patterns = [compiled(each) for each in schema.get("patternProperties", ())]
    _STEPS.get().take(len(instance))
    for name in instance:
        if name in schema.get("properties", ()) or any(_found(each, name) for each in patterns):
            continue
        if value is False:
            yield ValidationError(f"the property {name!r} should not be there")
        else:
            yield from validator.descend(instance[name], value, path=name)


def _additional_items(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    first = schema.get("items")
    if isinstance(instance, list) and isinstance(first, list):
        for place, each in enumerate(instance[len(first) :], len(first)):
            yield from validator.descend(each, value, path=place)


def _unique_items(_validator: Any, value: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if value and isinstance(instance, list) and len({_hashable(each) for each in instance}) < len(instance):
        yield ValidationError(f"{shown(instance)} has an item twice")


def _hashable(value: object) -> object:
    """Return what is equal exactly for values that are equal in JSON."""
    if isinstance(value, dict):
        return frozenset((key, _hashable(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return (value, "boolean") if isinstance(value, bool) else value


_REPLACED: Mapping[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalItems": _additional_items,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}


def _bounded(draft: Draft) -> Draft:
    """Return the draft's validator with every keyword counted, and those replaced that could run away or break."""
    keywords = {**draft.VALIDATORS, **_REPLACED}
    made: Draft = extend(draft, {name: _counted(keyword) for name, keyword in keywords.items()})
    return made


_BOUNDED = {name: _bounded(draft) for name, draft in DRAFTS.items()}


def _said(error: ValidationError) -> str:
    message = error.message if len(error.message) <= LONGEST_MESSAGE else f"{error.message[:LONGEST_MESSAGE]}…"
    return f"{error.json_path}: {message} ({error.validator or 'false'})"
