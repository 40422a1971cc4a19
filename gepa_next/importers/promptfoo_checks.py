"""The assertions of promptfoo as checks of ours."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gepa_next.importers.documents import objects
from gepa_next.importers.foreign import Json, Lost, text_of, to_json
from gepa_next.importers.scoring import JUDGE, Check, check
from gepa_next.importers.templates import filled

CRITERIA = "The ideal of an example is, or says, what its answer must satisfy."
COMPARED: Mapping[str, tuple[str, str]] = {
    "contains": ("contains", ""),
    "icontains": ("contains", "contains heeds the case"),
    "starts-with": ("contains", "contains finds it anywhere, not at the beginning alone"),
    "levenshtein": ("edit_similarity", "a share of the length and not a number of edits"),
    "rouge-n": ("rouge_l", "the longest common sequence of words, not runs of n words"),
    "factuality": (JUDGE, ""),
    "model-graded-factuality": (JUDGE, ""),
    "similar": (JUDGE, "there are no embeddings: the judge compares with the ideal"),
}
RUBRICS = frozenset({"llm-rubric", "model-graded-closedqa", "g-eval"})
SCHEMAS = ("draft-07", "2020-12")
# What JavaScript has and an engine that cannot backtrack has not.
_BEYOND_RE2 = re.compile(r"\(\?(?:=|!|<[=!])|\\[1-9]|\\k<")


def referred_to(assertion: Json, config: Json) -> Json:
    """Return the assertion that stands at the place of the configuration, such as `#/assertionTemplates/a`."""
    place = assertion.get("$ref")
    found: object = config
    for name in str(place).removeprefix("#/").split("/"):
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(place, str) or not isinstance(found, dict):
        return assertion
    return {**found, **{name: value for name, value in assertion.items() if name != "$ref"}}


def checks_of(assertions: Sequence[Json], values: Mapping[str, object], lost: Lost) -> list[Check]:
    """Return the checks of one test that have an equivalent, all of which compare with one ideal."""
    found: list[Check] = []
    ideal: str | None = None
    for each in _flat(assertions, lost):
        made = _check(each, values, lost)
        if made is None:
            continue
        if made.ideal is not None and ideal not in {None, made.ideal}:
            lost.note(
                f"assertion {each.get('type')}", "the test has another expected value, and an example has one ideal"
            )
            continue
        ideal = made.ideal if ideal is None else ideal
        found.append(made)
    return found


def with_criteria(tests: Sequence[Sequence[Check]], lost: Lost) -> list[list[Check]]:
    """Return the checks with rubrics that all tests have; what one alone is judged by becomes its ideal."""
    rubrics = [{each.rubric for each in checks} for checks in tests]
    common = set.intersection(*rubrics) if rubrics else set()
    return [_with_criteria(checks, common, lost) for checks in tests]


def _with_criteria(checks: Sequence[Check], common: set[str], lost: Lost) -> list[Check]:
    found, has_ideal = [], any(each.ideal is not None for each in checks)
    for each in checks:
        if each.name != JUDGE or each.rubric in common - {""}:
            found.append(each)
        elif not each.rubric:
            found.append(replace(each, rubric=CRITERIA))
        elif has_ideal:
            lost.note("rubric of one test", "it has an expected value too, and an example has one ideal")
        else:
            has_ideal = True
            found.append(replace(each, ideal=each.rubric, rubric=CRITERIA))
    return found


def _flat(assertions: Sequence[Json], lost: Lost) -> list[Json]:
    found: list[Json] = []
    for each in assertions:
        if each.get("type") == "assert-set":
            lost.note("assert-set", "its assertions count one by one")
            found += objects(each.get("assert"))
        else:
            found.append(each)
    return found


def _check(assertion: Json, values: Mapping[str, object], lost: Lost) -> Check | None:
    kind = str(assertion.get("type"))
    weight = assertion.get("weight", 1)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or weight <= 0:
        lost.note(f"assertion {kind}", "its weight is not above 0")
        return None
    made = _equivalent(kind, assertion.get("value"), values, lost)
    if made is None:
        return None
    for name in ("threshold", "transform", "contextTransform", "provider", "rubricPrompt", "metric", "config"):
        if name in assertion:
            lost.note(f"{name} of {kind}", _WHY[name])
    return replace(made, weight=float(weight))


_WHY = {
    "threshold": "scores count as they are, and are not cut into passed and failed",
    "transform": "answers are scored as they are",
    "contextTransform": "answers are scored as they are",
    "provider": "the judge is the server's, so that scores stay comparable",
    "rubricPrompt": "the judge has a prompt of its own, into which the rubric goes",
    "metric": "scores have no names",
    "config": "checks have no settings of their own",
}


def _equivalent(kind: str, value: object, values: Mapping[str, object], lost: Lost) -> Check | None:
    if kind not in COMPARED and kind not in RUBRICS and kind not in _OTHERS:
        negated = kind.startswith("not-")
        lost.note(f"assertion {kind}", "nothing is scored by what it is not" if negated else "there is no such metric")
        return None
    if isinstance(value, str) and value.startswith("file://"):
        lost.note(f"assertion {kind}", "its value is in a file")
        return None
    known = _filled(value, values)
    made = None
    if known is not None or value is None:
        made = _OTHERS[kind](known) if kind in _OTHERS else _with_text(kind, known, lost)
    if made is None:
        lost.note(f"assertion {kind}", "its value is of no use here, or must be computed")
    return made


def _filled(value: object, values: Mapping[str, object]) -> object:
    return filled(value, values) if isinstance(value, str) else value


def _with_text(kind: str, value: object, lost: Lost) -> Check | None:
    if isinstance(value, list) and kind in RUBRICS:
        value = "\n".join(text_of(each) for each in value)
    if value is None or isinstance(value, list | dict) or not text_of(value).strip():
        return None
    if kind in RUBRICS:
        return check(JUDGE, rubric=text_of(value))
    name, difference = COMPARED[kind]
    if difference:
        lost.note(f"assertion {kind}", difference)
    return check(name, ideal=text_of(value))


def _equals(value: object) -> Check | None:
    if isinstance(value, dict | list):
        return check("json_equal", ideal=to_json(value))
    return None if value is None else check("exact_match", ideal=text_of(value))


def _regex(value: object) -> Check | None:
    if not isinstance(value, str) or _BEYOND_RE2.search(value):
        return None
    try:
        return None if re.search(value, "") else check("regex", {"pattern": value})
    except re.error:
        return None


def _is_json(value: object) -> Check | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if value is None:
        return check("json_valid")
    if not isinstance(value, dict) or not any(each in str(value.get("$schema", SCHEMAS[0])) for each in SCHEMAS):
        return None
    return check("json_schema", {"schema": value})


def _word_count(value: object) -> Check | None:
    limits = value if isinstance(value, dict) else {"min": value, "max": value}
    given = {name: int(str(each)) for name, each in limits.items() if name in {"min", "max"} and str(each).isdecimal()}
    return check("length", {"unit": "words", **given}) if given.get("min") or "max" in given else None


_OTHERS: Mapping[str, Callable[[object], Check | None]] = {
    "equals": _equals,
    "regex": _regex,
    "is-json": _is_json,
    "contains-json": _is_json,
    "word-count": _word_count,
}
