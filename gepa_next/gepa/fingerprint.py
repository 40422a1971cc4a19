"""Fingerprints of scoring: scores of different fingerprints are never compared."""

import json
from hashlib import sha256

from gepa_next.gepa.messages import DEFAULT_RUBRIC, template_text
from gepa_next.gepa.replies import SCORE_POINTS

VERSION = 1
LENGTH = 16


def judge_fingerprint(model_id: str, rubric: str = "") -> str:
    """Return a hash over everything a judge's score depends on besides the output."""
    return _digest([VERSION, "judge", model_id, rubric or DEFAULT_RUBRIC, template_text("judge"), SCORE_POINTS])


def metric_fingerprint(name: str) -> str:
    """Return a hash over everything a deterministic metric's score depends on besides the output."""
    return _digest([VERSION, "metric", name])


def _digest(parts: list[object]) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()[:LENGTH]
