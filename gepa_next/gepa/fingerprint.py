"""Fingerprints of scoring: scores of different fingerprints are never compared."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from gepa_next.gepa.messages import DEFAULT_RUBRIC, template_text
from gepa_next.gepa.replies import SCORE_POINTS

VERSION = 2
LENGTH = 16


def judge_fingerprint(model_id: str, rubric: str = "") -> str:
    """Return a hash over everything a judge's score depends on besides the output."""
    return _digest([VERSION, "judge", model_id, rubric or DEFAULT_RUBRIC, template_text("judge"), SCORE_POINTS])


def metric_fingerprint(description: Sequence[Mapping[str, object]], judge: str | None = None) -> str:
    """Return a hash over everything a score by metrics depends on besides the output.

    The description names each metric with its weight and parameters; `judge` is the judge's fingerprint if it is one
    of them.
    """
    return _digest([VERSION, "metric", description, judge])


def _digest(parts: list[object]) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:LENGTH]
