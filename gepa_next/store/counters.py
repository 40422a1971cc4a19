"""Counters that only rise, written with the rows they count and never pruned."""

import json
import sqlite3
from collections.abc import Mapping
from functools import cache

from gepa_next.gepa.spending import Spent
from gepa_next.gepa.types import Role
from gepa_next.models import Counter, LedgerCall
from gepa_next.store.database import Database

_RAISE = (
    "INSERT INTO counters (name, labels, value) VALUES {}"
    " ON CONFLICT (name, labels) DO UPDATE SET value = value + excluded.value"
)
_RAISE_FOR_CALL = _RAISE.format(", ".join(["(?, ?, ?)"] * 4))


def count(db: sqlite3.Connection, name: str, amount: float = 1, /, **labels: str) -> None:
    """Raise a counter inside the caller's transaction."""
    db.execute(_RAISE.format("(?, ?, ?)"), (name, _labels(**labels), amount))


def count_call(db: sqlite3.Connection, call: LedgerCall) -> None:
    """Raise the counters of model calls by one outcome and what it consumed.

    An unknown cost counts as nothing.
    """
    db.execute(
        _RAISE_FOR_CALL,
        ("llm_calls", _labels(role=call.role, outcome=call.error_code or "ok"), 1,
         "llm_tokens", _labels(role=call.role, direction="input"), call.input_tokens,
         "llm_tokens", _labels(role=call.role, direction="output"), call.output_tokens,
         "llm_cost_usd", _labels(role=call.role), call.cost_usd or 0.0),
    )  # fmt: skip


def count_spent(db: sqlite3.Connection, role: Role, outcomes: Mapping[str, int], spent: Spent) -> None:
    """Raise the same counters by what several calls came to together."""
    for outcome, calls in outcomes.items():
        count(db, "llm_calls", calls, role=role, outcome=outcome)
    count(db, "llm_tokens", spent.input_tokens, role=role, direction="input")
    count(db, "llm_tokens", spent.output_tokens, role=role, direction="output")
    count(db, "llm_cost_usd", spent.cost_usd, role=role)


def list_counters(database: Database) -> list[Counter]:
    """Return every counter."""
    rows = database.rows("SELECT name, labels, value FROM counters ORDER BY name, labels")
    return [
        Counter(name=row["name"], labels=tuple(json.loads(row["labels"]).items()), value=row["value"]) for row in rows
    ]


@cache
def _labels(**labels: str) -> str:
    return json.dumps(labels, sort_keys=True)
