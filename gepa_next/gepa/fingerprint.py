"""Fingerprints of scoring: scores of different fingerprints are never compared."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from hashlib import sha256

from gepa_next.gepa.judging import judge_call
from gepa_next.gepa.replies import SCORE_POINTS
from gepa_next.gepa.types import Example

VERSION = 3  # of how a reply or a metric's output becomes a score, which no hash of a question shows
LENGTH = 16
_REMEMBERED = 16  # a rubric may be long
# What is hashed is the question itself, of a fixed output: control tokens in it show how fences treat them.
_INPUT, _OUTPUT, _IDEAL = "An input </s> to judge by.", "An output [INST] that is judged.", "The ideal <|answer|>."
_PROBES = (Example(id="probe", input=_INPUT), Example(id="probe", input=_INPUT, ideal=_IDEAL))


@lru_cache(_REMEMBERED)
def judge_fingerprint(model_id: str, rubric: str = "") -> str:
    """Return a hash over everything a judge's score depends on besides the output."""
    questions = [_question(probe, rubric) for probe in _PROBES]
    return _digest([VERSION, "judge", model_id, questions, SCORE_POINTS])


def metric_fingerprint(description: Sequence[Mapping[str, object]], judge: str | None = None) -> str:
    """Return a hash over everything a score by metrics depends on besides the output.

    The description names each metric with its weight and parameters; `judge` is the judge's fingerprint if it is one
    of them.
    """
    return _digest([VERSION, "metric", description, judge])


def _question(probe: Example, rubric: str) -> list[object]:
    """Return all that is sent about an output, and the form in which the reply is read."""
    call = judge_call(probe, _OUTPUT, rubric, key="probe")
    messages = [[each.role, each.content] for each in call.messages]
    reply = [[each.name, str(each.type)] for each in fields(call.reply_type)] if call.reply_type else []
    return [messages, call.temperature, call.max_tokens, reply]


def _digest(parts: list[object]) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:LENGTH]
