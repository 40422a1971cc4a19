"""Checks of other tools as a metric and a rubric of ours."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gepa_next.importers.foreign import Json, Lost

JUDGE = "judge"
NEEDS_IDEAL = frozenset({"exact_match", "contains", "json_equal", "rouge_l", "token_f1", "edit_similarity"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check that has an equivalent: a metric with its parameters, or words for the judge."""

    name: str
    parameters: str = "{}"  # as JSON, so that equal ones are equal
    weight: float = 1.0
    ideal: str | None = field(default=None, compare=False)
    rubric: str = ""

    @property
    def kind(self) -> tuple[str, str]:
        """What tells checks apart, whatever their ideal is."""
        return self.name, self.parameters


def check(
    name: str,
    parameters: Mapping[str, object] | None = None,
    *,
    weight: float = 1.0,
    ideal: str | None = None,
    rubric: str = "",
) -> Check:
    """Return a check with the parameters of its metric."""
    written = json.dumps(parameters or {}, sort_keys=True)
    return Check(name=name, parameters=written, weight=weight, ideal=ideal, rubric=rubric)


def scoring(tests: Sequence[Sequence[Check]], lost: Lost, *, ideals: bool) -> Json:
    """Return `metric` and `rubric` of a job: the checks that all tests have, by their weights, the judge's as one."""
    kinds = _shared(tests, lost)
    if not ideals:
        for name in {name for name, _ in kinds} & NEEDS_IDEAL:
            lost.note(f"metric {name}", "not every example has an ideal to compare with")
        kinds = {kind for kind in kinds if kind[0] not in NEEDS_IDEAL}
    if any(tests) and not kinds:
        lost.note("metric", "no check is left that all examples share: the judge scores")
    rubrics = dict.fromkeys(each.rubric for test in tests for each in test if each.kind in kinds and each.rubric)
    rubric = "\n".join(rubrics)
    return {
        **_metric([each for each in tests[0] if each.kind in kinds] if tests else []),
        **({"rubric": rubric} if rubric else {}),
    }


def _shared(tests: Sequence[Sequence[Check]], lost: Lost) -> set[tuple[str, str]]:
    """Return the kinds that every test has, for a job scores all examples alike; the others are lost."""
    kinds = [{each.kind for each in test} for test in tests]
    every = set.intersection(*kinds) if kinds else set()
    for test in tests:
        for each in test:
            if each.kind not in every:
                lost.note(f"check {each.name}", "not every test has it, and a job scores all examples alike")
    return every


def _metric(checks: Sequence[Check]) -> Json:
    weights: dict[tuple[str, str], float] = {}
    for each in checks:
        weights[each.kind] = weights.get(each.kind, 0.0) + each.weight
    if not weights:
        return {}
    if len(weights) == 1:
        ((name, parameters),) = weights
        return {"metric": {"name": name, **json.loads(parameters)} if parameters != "{}" else name}
    shares = _shares(list(weights.values()))
    parts = [
        {"name": name, **json.loads(parameters), "weight": share}
        for (name, parameters), share in zip(weights, shares, strict=True)
    ]
    return {"metric": parts}


def _shares(weights: Sequence[float]) -> list[float]:
    """Return weights that add up to 1."""
    total = sum(weights)
    shares = [round(each / total, 6) for each in weights[:-1]]
    return [*shares, round(1 - sum(shares), 6)]
