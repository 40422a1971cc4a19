"""From what a request says of its metric to what scores."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from math import fsum
from types import MappingProxyType

from gepa_next.gepa.ports import Metric
from gepa_next.metrics.deterministic import DeterministicMetric
from gepa_next.metrics.json_schema import JsonSchema
from gepa_next.metrics.json_values import JsonEqual, JsonValid
from gepa_next.metrics.numeric import Numeric
from gepa_next.metrics.pattern import Regex
from gepa_next.metrics.similarity import EditSimilarity, RougeL, TokenF1
from gepa_next.metrics.text import Contains, ExactMatch, Length
from gepa_next.metrics.weighted import Part, WeightedMetric

METRICS: Mapping[str, type[DeterministicMetric]] = MappingProxyType(
    {
        "exact_match": ExactMatch,
        "contains": Contains,
        "regex": Regex,
        "numeric": Numeric,
        "json_valid": JsonValid,
        "json_equal": JsonEqual,
        "json_schema": JsonSchema,
        "token_f1": TokenF1,
        "rouge_l": RougeL,
        "edit_similarity": EditSimilarity,
        "length": Length,
    }
)
# Not metrics of ours: the judge model scores, or the program states a score of its own.
JUDGE = "judge"
PROGRAM = "program"
OTHERS = (JUDGE, PROGRAM)

# A name, an object with a name and parameters, or a list of such objects with weights that sum to 1.
Chosen = str | Mapping[str, object] | Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """What scores outputs: a metric, None if only others do, and the shares of those: the judge, and a program."""

    metric: Metric | None
    judge_weight: float
    program_weight: float = 0.0


def scoring_of(chosen: Chosen) -> Scoring:
    """Return what scores by what was chosen; the choice is a valid one."""
    parts = deterministic_parts(chosen)
    judge_weight, program_weight = _share(chosen, JUDGE), _share(chosen, PROGRAM)
    metric: Metric | None = None
    if parts:
        alone = len(parts) == 1 and not judge_weight and not program_weight
        metric = parts[0].metric if alone else WeightedMetric(parts)
    return Scoring(metric=metric, judge_weight=judge_weight, program_weight=program_weight)


def _share(chosen: Chosen, name: str) -> float:
    return fsum(_weight(each) for each in _objects(chosen) if each["name"] == name)


def asks_judge(chosen: Chosen) -> bool:
    """Say whether the judge has a part in the score."""
    return any(each["name"] == JUDGE for each in _objects(chosen))


def asks_program(chosen: Chosen) -> bool:
    """Say whether the score that a program states has a part in the score."""
    return any(each["name"] == PROGRAM for each in _objects(chosen))


def deterministic_parts(chosen: Chosen) -> tuple[Part, ...]:
    """Return the metrics chosen but for the judge and the program."""
    return tuple(
        Part(place=place, name=str(each["name"]), weight=_weight(each), metric=_metric(each))
        for place, each in enumerate(_objects(chosen))
        if each["name"] not in OTHERS
    )


def described(chosen: Chosen) -> list[dict[str, object]]:
    """Return all that the choice says of a score, the same for every way to say it: names, weights, parameters."""
    parts = [
        {"name": part.name, "weight": part.weight, **_parameters(part.metric)} for part in deterministic_parts(chosen)
    ]
    others = [each for each in _objects(chosen) if each["name"] in OTHERS]
    return parts + [{"name": each["name"], "weight": _weight(each)} for each in others]


def _objects(chosen: Chosen) -> Iterator[Mapping[str, object]]:
    if isinstance(chosen, str):
        yield {"name": chosen}
    elif isinstance(chosen, Mapping):
        yield chosen
    else:
        yield from chosen


def _weight(given: Mapping[str, object]) -> float:
    weight = given.get("weight", 1.0)
    assert isinstance(weight, int | float)  # noqa: S101 - checked at the edge
    return float(weight)


def _metric(given: Mapping[str, object]) -> DeterministicMetric:
    return METRICS[str(given["name"])](**{key: value for key, value in given.items() if key not in {"name", "weight"}})


def _parameters(metric: DeterministicMetric) -> dict[str, object]:
    return {each.name: getattr(metric, each.name) for each in fields(metric)}
