"""From a filled-in form to the body of a request, and from what is wrong in that back to the fields."""

import re
from collections.abc import Mapping, Sequence
from itertools import count

from gepa_next.api.edge.body import refuse_unstorable
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.web.forms.fields import JOB, PARAMETERS, WEIGHT, read_fields
from gepa_next.web.forms.pasted import read_examples

Form = Mapping[str, str]
_EXAMPLE = re.compile(r"examples\.(\d+)\.?(.*)")


def job_body(form: Form) -> dict[str, object]:
    """Return the body of `POST /v1/optimize` that the form asks for; InvalidError names what cannot be read."""
    body = read_fields(form, JOB)
    if metric := _metric(form):
        body["metric"] = metric
    if components := _components(form):
        body["prompts"] = components
    refuse_unstorable(body)
    if examples := read_examples(form.get("examples", "")):
        body["examples"] = examples
    return body


def rows(form: Form, group: str, of: str) -> list[int]:
    """Return the numbers of the rows of a group of which the field is filled in, as many as follow each other."""
    every = (number for number in count() if f"{group}.{number}.{of}" not in form)
    return [number for number in range(next(every)) if form[f"{group}.{number}.{of}"].strip()]


def compacted(form: Form) -> dict[str, str]:
    """Return the form without rows that are left empty, so that a row has the number it has in the body."""
    kept = {name: value for name, value in form.items() if not re.match(r"(metric|component)\.\d", name)}
    for group, of in (("metric", "name"), ("component", "name")):
        for place, number in enumerate(rows(form, group, of)):
            before = f"{group}.{number}."
            kept |= {f"{group}.{place}.{name.removeprefix(before)}": value
                     for name, value in form.items() if name.startswith(before)}  # fmt: skip
    return kept


def _metric(form: Form) -> object:
    """Return the metric as shortly as it can be said: a name, an object, or a list with weights."""
    parts = [_part(form, f"metric.{number}.") for number in rows(form, "metric", "name")]
    if len(parts) != 1:
        return parts
    only = {name: value for name, value in parts[0].items() if name != WEIGHT.name}
    return only if len(only) > 1 else only["name"]


def _part(form: Form, within: str) -> dict[str, object]:
    name = form[f"{within}name"]
    return {"name": name} | read_fields(form, (*PARAMETERS.get(name, ()), WEIGHT), within=within)


def _components(form: Form) -> dict[str, str]:
    found: dict[str, str] = {}
    for number in rows(form, "component", "name"):
        name = form[f"component.{number}.name"].strip()
        if name in found:
            raise invalid(f"component.{number}.name", "another component has this name")
        found[name] = form.get(f"component.{number}.text", "")
    return found


def field_of(path: str, form: Form, names: Sequence[str]) -> str | None:
    """Return the name of the field that the path of a wrong value is about, None if there is none."""
    parts = path.split(".")
    if parts[0] == "prompts":
        return _component_of(".".join(parts[1:]), form)
    for end in range(len(parts), 0, -1):
        found = ".".join(parts[:end])
        if found in names:
            return found
        if inside := [name for name in names if name.startswith(f"{found}.")]:
            return _inside(inside, parts[end:])
    return None


def _inside(names: Sequence[str], rest: Sequence[str]) -> str:
    """Return of several fields the one that the rest of a path names: of one metric its place is not said."""
    return next((name for name in names if rest and name.endswith(f".0.{rest[0]}")), names[0])


def _component_of(component: str, form: Form) -> str:
    found = [n for n in rows(form, "component", "name") if form[f"component.{n}.name"].strip() == component]
    return f"component.{found[0]}.text" if found else "component.0.name"


def worded(path: str, message: str) -> str:
    """Return what is wrong as a reader of the form counts: the first example is the first."""
    if found := _EXAMPLE.fullmatch(path):
        place = f", {found[2]}" if found[2] else ""
        return f"example {int(found[1]) + 1}{place}: {message}"
    return message
