"""Deterministic metrics: implementations of the Metric port that need no model."""

from collections.abc import Mapping
from types import MappingProxyType

from gepa_next.gepa.ports import Metric
from gepa_next.metrics.text import contains, exact_match

METRICS: Mapping[str, Metric] = MappingProxyType({"exact_match": exact_match, "contains": contains})
JUDGE = "judge"  # not a metric of ours: the judge model scores
