"""Deterministic metrics: implementations of the Metric port that need no model."""

from gepa_next.metrics.choice import (
    JUDGE,
    METRICS,
    PROGRAM,
    Chosen,
    Scoring,
    asks_judge,
    asks_program,
    described,
    deterministic_parts,
    scoring_of,
)
from gepa_next.metrics.fingerprint import find_other_scoring, scoring_fingerprint
from gepa_next.metrics.pattern import compiled, matches_anything
from gepa_next.metrics.schema_check import check_schema

__all__ = [
    "JUDGE",
    "METRICS",
    "PROGRAM",
    "Chosen",
    "Scoring",
    "asks_judge",
    "asks_program",
    "check_schema",
    "compiled",
    "described",
    "deterministic_parts",
    "find_other_scoring",
    "matches_anything",
    "scoring_fingerprint",
    "scoring_of",
]
