"""Checks of the judge: what it gave the anchors, and how that compares."""

import json
import sqlite3
from collections.abc import Mapping

from pydantic import TypeAdapter

from gepa_next.gepa.drift import Drift, Scores
from gepa_next.gepa.spending import Spent
from gepa_next.gepa.types import Role
from gepa_next.models import JudgeCheck
from gepa_next.store.codec import to_json
from gepa_next.store.counters import count_spent
from gepa_next.store.database import Database, Row

_DRIFT = TypeAdapter(Drift)


def record_check(database: Database, check: JudgeCheck | None, *, outcomes: Mapping[str, int], spent: Spent) -> None:
    """Store a check, if one came of it, and count the calls that it took by their outcomes, in one transaction."""

    def unit(db: sqlite3.Connection) -> None:
        count_spent(db, Role.JUDGE, outcomes, spent)
        if check is not None:
            _insert(db, check)

    database.write(unit)


def _insert(db: sqlite3.Connection, check: JudgeCheck) -> None:
    compared = check.drift
    db.execute(
        "INSERT INTO judge_checks (fingerprint, model_id, checked_at, scores, drift, moved) VALUES (?, ?, ?, ?, ?, ?)",
        (check.fingerprint, check.model_id, check.checked_at,
         to_json({key: list(scores) for key, scores in check.scores.items()}),
         _DRIFT.dump_json(compared).decode() if compared else None, compared is not None and compared.moved),
    )  # fmt: skip


def find_baseline(database: Database, fingerprint: str) -> Scores | None:
    """Return the scores that checks are compared with, the last that began anew; None before the first."""
    row = database.row(
        "SELECT scores FROM judge_checks WHERE fingerprint = ? AND drift IS NULL ORDER BY id DESC LIMIT 1",
        (fingerprint,),
    )
    return None if row is None else _scores(row)


def find_last_check(database: Database, fingerprint: str) -> JudgeCheck | None:
    """Return the last check, None before the first."""
    row = database.row(
        "SELECT fingerprint, model_id, checked_at, scores, drift,"
        " (SELECT min(checked_at) FROM judge_checks AS one WHERE one.fingerprint = found.fingerprint AND one.id >"
        "  (SELECT coalesce(max(id), 0) FROM judge_checks AS same"
        "   WHERE same.fingerprint = found.fingerprint AND NOT same.moved)) AS moved_since"
        " FROM judge_checks AS found WHERE fingerprint = ? ORDER BY id DESC LIMIT 1",
        (fingerprint,),
    )
    if row is None:
        return None
    return JudgeCheck(
        fingerprint=row["fingerprint"],
        model_id=row["model_id"],
        checked_at=row["checked_at"],
        scores=_scores(row),
        drift=_DRIFT.validate_json(row["drift"]) if row["drift"] is not None else None,
        moved_since=row["moved_since"],
    )


def _scores(row: Row) -> Scores:
    found: Scores = json.loads(row["scores"])
    return found
