"""Forks: what of a job another one may begin with, and the copy of it in the transaction that makes that one."""

import sqlite3
from dataclasses import dataclass

from gepa_next.errors import NotFoundError
from gepa_next.gepa.spending import Spending, Spent
from gepa_next.gepa.state import SHARED
from gepa_next.gepa.types import Role
from gepa_next.models import Fork
from gepa_next.store.database import Database

FORKS_OF = "SELECT id FROM jobs WHERE token_id = ? AND json_extract(spec, '$.fork.job_id') = ? ORDER BY created_at, id"
INHERITED = 0  # the event id of what a job began with
# Of the job ?1, up to its event ?2, of the candidate ?3 or of all. Never those of the test: it is to be made anew, for
# its result may be why there is a fork.
_SHARED = (
    "job_id = ?1 AND event_id <= ?2 AND score IS NOT NULL AND split <> 'test' AND (?3 IS NULL OR candidate_id = ?3)"
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An event as of which the state of a run is known, with its best candidate."""

    event_id: int
    leader: int


def find_checkpoint(database: Database, job_id: str, *, upto: int) -> Checkpoint | None:
    """Return the job's last checkpoint at or before the event, None if there is none."""
    row = database.row(
        "SELECT id,"
        " coalesce(json_extract(data, '$.best_candidate_id'), json_extract(data, '$.candidate_id'), 0) AS leader"
        " FROM events WHERE job_id = ? AND checkpoint = 1 AND id <= ? ORDER BY id DESC LIMIT 1",
        (job_id, upto),
    )
    return Checkpoint(row["id"], row["leader"]) if row is not None else None


def was_tested(database: Database, job_id: str) -> bool:
    """Say whether a candidate of the job was run on its test examples."""
    return database.row("SELECT 1 FROM rollouts WHERE job_id = ? AND split = 'test' LIMIT 1", (job_id,)) is not None


def scored_examples(database: Database, fork: Fork) -> dict[int, frozenset[str]]:
    """Return which examples have a score that the fork would share, by candidate as it numbers them."""
    found: dict[int, set[str]] = {}
    for row in database.rows(f"SELECT candidate_id, example_id FROM rollouts WHERE {_SHARED}", _place(fork)):  # noqa: S608 - constant
        found.setdefault(0 if fork.candidate_id is not None else row["candidate_id"], set()).add(row["example_id"])
    return {candidate_id: frozenset(ids) for candidate_id, ids in found.items()}


def dearest_calls(database: Database, job_id: str, *, upto: int) -> Spending:
    """Return what one call of the target, and of the judge, took at most by that event; nothing of it is spent anew."""
    row = database.rows(
        "SELECT max(json_extract(spending, '$.target.most_tokens')) AS target_tokens,"
        " max(json_extract(spending, '$.target.most_cost_usd')) AS target_cost_usd,"
        " max(json_extract(spending, '$.judge.most_tokens')) AS judge_tokens,"
        " max(json_extract(spending, '$.judge.most_cost_usd')) AS judge_cost_usd"
        " FROM events WHERE job_id = ? AND id <= ? AND spending IS NOT NULL",
        (job_id, upto),
    )[0]
    return {
        role: Spent(most_tokens=row[f"{role}_tokens"] or 0, most_cost_usd=row[f"{role}_cost_usd"] or 0.0)
        for role in (Role.TARGET, Role.JUDGE)
    }


def list_forks(database: Database, token_id: str, job_id: str) -> list[str]:
    """Return the ids of the token's jobs that were made from the job, the oldest first."""
    return [row["id"] for row in database.rows(FORKS_OF, (token_id, job_id))]


def copy_inheritance(db: sqlite3.Connection, token_id: str, job_id: str, fork: Fork) -> None:
    """Give the new job what it begins with, in the caller's transaction; NotFoundError if the other job is gone."""
    if db.execute("SELECT 1 FROM jobs WHERE id = ? AND token_id = ?", (fork.job_id, token_id)).fetchone() is None:
        raise NotFoundError("there is no such job any more")
    if fork.candidate_id is None:
        _copy_state(db, job_id, fork)
    if fork.shares:
        _copy_rollouts(db, job_id, fork)


def _copy_state(db: sqlite3.Connection, job_id: str, fork: Fork) -> None:
    """Copy candidates and lessons; scores that another target or judge came to are none here."""
    db.execute(
        "INSERT INTO candidates (job_id, id, event_id, iteration, text, prompts, parents, operator, decision, reason,"
        " score, parent_score, compared)"
        " SELECT ?3, id, ?4, 0, text, prompts, parents, operator, decision, reason,"
        " iif(?5, score, NULL), iif(?5, parent_score, NULL), iif(?5, compared, 0)"
        " FROM candidates WHERE job_id = ?1 AND event_id <= ?2",
        (fork.job_id, fork.checkpoint, job_id, INHERITED, fork.shares),
    )
    db.execute(
        "INSERT INTO lessons (job_id, id, event_id, text, candidate_id, iteration, gain)"
        " SELECT ?3, id, ?4, text, candidate_id, 0, gain FROM lessons WHERE job_id = ?1 AND event_id <= ?2",
        (fork.job_id, fork.checkpoint, job_id, INHERITED),
    )


def _copy_rollouts(db: sqlite3.Connection, job_id: str, fork: Fork) -> None:
    db.execute(
        "INSERT INTO rollouts (job_id, event_id, position, candidate_id, example_id, split, output, score, feedback,"  # noqa: S608 - constant
        " error, flags)"
        " SELECT ?4, ?5, row_number() OVER (ORDER BY event_id, position) - 1, iif(?3 IS NULL, candidate_id, 0),"
        " example_id, split, output, score, feedback, error,"
        " iif(instr(flags, json_quote(?6)), flags, json_insert(flags, '$[#]', ?6))"
        f" FROM rollouts WHERE {_SHARED}",
        (*_place(fork), job_id, INHERITED, SHARED),
    )


def _place(fork: Fork) -> tuple[str, int, int | None]:
    return fork.job_id, fork.checkpoint, fork.candidate_id
