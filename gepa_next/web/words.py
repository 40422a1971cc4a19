"""How a page words events, and the filters that word its numbers; its scripts word both alike."""

import json

from gepa_next.api.words import (
    clock,
    count,
    difference,
    duration,
    ended,
    machine,
    many,
    moment,
    plain,
    score,
    signed_split,
    usd,
)
from gepa_next.models import StoredEvent

SHOWN = (
    "iteration",
    "candidate_id",
    "purpose",
    "operator",
    "decision",
    "reason",
    "score",
    "best_score",
    "text",
    "message",
)


FILTERS = (score, difference, usd, count, duration, ended, moment, clock, machine, many, plain, signed_split)


def told(event: StoredEvent) -> dict[str, object]:
    """Return what a line of the event log shows where there are no scripts."""
    data = json.loads(event.data)
    named = [name for name in SHOWN if data.get(name) is not None]
    outside = "iteration" if data.get("purpose") == "test" else None  # it carries the one that would have been next
    said = [f"{plain(name)} {_worded(data[name])}" for name in named if name != outside]
    return {"id": event.id, "ts": event.ts, "kind": data.get("stage", event.type), "said": ", ".join(said)}


def _worded(value: object) -> str:
    return score(value) if isinstance(value, float) else plain(value)
