"""Score one output by a metric as a request chooses it."""

from gepa_next.gepa.types import Example, Verdict
from gepa_next.metrics import Chosen, scoring_of


def wants(ideal: str | None) -> Example:
    return Example(id="e1", input="?", ideal=ideal)


def verdict(chosen: Chosen, ideal: str | None, output: str) -> Verdict:
    metric = scoring_of(chosen).metric
    assert metric is not None
    return metric(wants(ideal), output)


def score(chosen: Chosen, ideal: str | None, output: str) -> float:
    return verdict(chosen, ideal, output).score
