"""States: what a run knew, folded from the deltas of its steps."""

import json
from dataclasses import replace

from gepa_next.gepa.noise import NOISE_KEY
from gepa_next.gepa.spending import NOTHING_SPENT
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta
from gepa_next.models import Job
from gepa_next.store.codec import example_from, noise_from_json, spending_from_json
from gepa_next.store.database import Database, Row
from gepa_next.store.evidence import candidate_from, lesson_from, rollout_from
from gepa_next.store.forks import INHERITED

_Parts = dict[str, dict[int, list[Row]]]
COMPLETING = frozenset({"seed", "iteration"})  # stages that complete an iteration; the test's checkpoint does not

_PARTS = {
    "examples": "SELECT event_id, id, input, ideal, tags, meta FROM examples WHERE job_id = ? AND event_id > 0"
    " AND event_id <= ? ORDER BY position",
    "candidates": "SELECT event_id, id, iteration, text, prompts, parents, operator, decision, reason, score,"
    " parent_score, compared FROM candidates WHERE job_id = ? AND event_id <= ? ORDER BY id",
    "rollouts": "SELECT event_id, candidate_id, example_id, split, output, score, feedback, error, flags"
    " FROM rollouts WHERE job_id = ? AND event_id <= ? ORDER BY event_id, position",
    "lessons": "SELECT event_id, id, text, candidate_id, iteration, gain FROM lessons WHERE job_id = ?"
    " AND event_id <= ? ORDER BY id",
}


def load_state(database: Database, job: Job, *, before: int | None = None) -> State:
    """Fold the stored deltas up to the last checkpoint into a state; to the last one `before` that event if given."""
    given = database.rows(
        "SELECT id, input, ideal, tags, meta FROM examples WHERE job_id = ? AND event_id = 0 ORDER BY position",
        (job.id,),
    )
    state = State(job.spec.task(tuple(example_from(row) for row in given)))
    last = database.row(
        "SELECT max(id) AS id FROM events WHERE job_id = ? AND checkpoint = 1 AND id < ?",
        (job.id, job.last_event_id + 1 if before is None else before),
    )
    upto = (last["id"] if last else None) or 0
    parts = {table: _by_event(database, table, job.id, upto) for table in _PARTS}
    if job.spec.fork is not None:
        state.inherit(replace(_delta_of(INHERITED, parts), spending=job.spec.fork.dearest))
    for delta in _deltas(database, job.id, parts, upto=upto):
        state.apply(delta)
    return state


def _deltas(database: Database, job_id: str, parts: _Parts, *, upto: int) -> list[Delta]:
    events = database.rows(
        "SELECT id, spending, checkpoint, key, data FROM events WHERE job_id = ? AND type = 'progress' AND void IS NULL"
        " AND id <= ? ORDER BY id",
        (job_id, upto),
    )
    return [_delta(event, parts) for event in events]


def _delta_of(event_id: int, parts: _Parts) -> Delta:
    mine = {table: rows.get(event_id, []) for table, rows in parts.items()}
    return Delta(
        examples=tuple(example_from(row, synthetic=True) for row in mine["examples"]),
        candidates=tuple(candidate_from(row) for row in mine["candidates"]),
        rollouts=tuple(rollout_from(row) for row in mine["rollouts"]),
        lessons=tuple(lesson_from(row) for row in mine["lessons"]),
    )


def _delta(event: Row, parts: _Parts) -> Delta:
    completes = bool(event["checkpoint"]) and json.loads(event["data"])["stage"] in COMPLETING
    return replace(
        _delta_of(event["id"], parts),
        noise=noise_from_json(event["data"]) if event["key"] == NOISE_KEY else None,
        spending=spending_from_json(event["spending"]) if event["spending"] else NOTHING_SPENT,
        iteration=json.loads(event["data"])["iteration"] if completes else None,
        checkpoint=bool(event["checkpoint"]),
    )


def _by_event(database: Database, table: str, job_id: str, upto: int) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in database.rows(_PARTS[table], (job_id, upto)):
        found.setdefault(row["event_id"], []).append(row)
    return found
