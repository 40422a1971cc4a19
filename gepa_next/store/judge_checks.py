"""Checks of the judge: whose turn it is, what the judge gave the anchors, and how that compares."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from gepa_next.gepa.drift import Drift, Scores
from gepa_next.gepa.spending import Spent
from gepa_next.gepa.types import Role
from gepa_next.models import JudgeCheck
from gepa_next.store.codec import to_json
from gepa_next.store.counters import count_spent
from gepa_next.store.database import Database, Row

_DRIFT = TypeAdapter(Drift)


# Anybody may have the turn of a runner that is gone, and one that is over or was lost, once its time has come.
_FREE = """
    (owner IS NOT NULL AND owner NOT IN (SELECT id FROM runners))
    OR ((owner IS NULL OR owner = ?) AND begun_at NOT BETWEEN ? AND ?)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A runner's turn to check the judge under a fingerprint."""

    fingerprint: str
    owner: str


def turn_is_free(database: Database, turn: Turn, *, last_before: float, now: float) -> bool:
    """Say, without writing, whether the turn can be taken: nobody is at it, and the last began before that time."""
    taken = database.row(
        f"SELECT 1 FROM judge_turns WHERE fingerprint = ? AND NOT ({_FREE})",  # noqa: S608 - constant
        (turn.fingerprint, turn.owner, last_before, now),
    )
    return taken is None


def begin_check(database: Database, turn: Turn, *, last_before: float, now: float) -> bool:
    """Take the turn; False if it is not free, or the runner is not entered."""

    def unit(db: sqlite3.Connection) -> bool:
        taken = db.execute(
            "INSERT INTO judge_turns (fingerprint, owner, begun_at)"  # noqa: S608 - constant
            " SELECT ?, id, ? FROM runners WHERE id = ? ON CONFLICT (fingerprint)"
            f" DO UPDATE SET owner = excluded.owner, begun_at = excluded.begun_at WHERE {_FREE}",
            (turn.fingerprint, now, turn.owner, turn.owner, last_before, now),
        )
        return bool(taken.rowcount)

    return database.write(unit)


def record_check(
    database: Database,
    check: JudgeCheck | None,
    *,
    outcomes: Mapping[str, int],
    spent: Spent,
    ends: Turn | None = None,
) -> None:
    """Store a check, if one came of it, and count the calls that it took by their outcomes, in one transaction.

    With it `ends` a runner's turn; without that turn, which another has by now, only the calls are counted.
    """

    def unit(db: sqlite3.Connection) -> None:
        count_spent(db, Role.JUDGE, outcomes, spent)
        if (ends is None or _end(db, ends)) and check is not None:
            _insert(db, check)

    database.write(unit)


def _end(db: sqlite3.Connection, turn: Turn) -> bool:
    ended = db.execute(
        "UPDATE judge_turns SET owner = NULL WHERE fingerprint = ? AND owner = ?", (turn.fingerprint, turn.owner)
    )
    return bool(ended.rowcount)


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
