"""Runs: every step of the engine in one transaction, and the state folded from them again."""

import json
import sqlite3
from dataclasses import dataclass, replace

from gepa_next.errors import Interrupted
from gepa_next.gepa.noise import NOISE_KEY
from gepa_next.gepa.spending import NOTHING_SPENT
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import Example
from gepa_next.models import Job, Waiting
from gepa_next.store.codec import (
    example_from,
    example_values,
    noise_from_json,
    noise_to_json,
    spending_from_json,
    spending_to_json,
    to_json,
)
from gepa_next.store.counters import count
from gepa_next.store.database import Database, Row
from gepa_next.store.events import append_event
from gepa_next.store.evidence import candidate_from, lesson_from, rollout_from
from gepa_next.store.forks import INHERITED
from gepa_next.store.pending import Pending


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What the job's row shows while it runs."""

    iteration: int
    rollouts: int
    seed_score: float | None
    best_score: float | None
    best_candidate_id: int


def record_step(
    database: Database,
    job_id: str,
    *,
    epoch: int,
    step: Step,
    progress: Progress,
    now: float,
    after: Pending[bool] | None = None,
) -> Pending[bool]:
    """Queue the step's event with everything that belongs to it, for one transaction.

    If the step `after` which it comes was not written, neither is this one: the log has no holes.

    Its result is False if it was there already. Interrupted, and nothing written, if the job is not
    this owner's any more.
    """
    data = to_json({"stage": step.stage, **step.data})
    spending = spending_to_json(step.delta.spending) if step.delta.spending else None

    def unit(db: sqlite3.Connection) -> bool:
        if after is not None and after.error is not None:
            raise after.error
        fence(db, job_id, epoch=epoch, now=now)
        event_id = append_event(
            db,
            job_id,
            key=step.key,
            kind="progress",
            now=now,
            data=data,
            spending=spending,
            checkpoint=step.delta.checkpoint,
        )
        if event_id is None:
            return False
        _insert_delta(db, job_id, event_id, step.delta)
        _show_progress(db, job_id, progress)
        return True

    return database.submit(unit)


def record_waiting(database: Database, job_id: str, *, epoch: int, nth: int, waiting: Waiting, now: float) -> None:
    """Commit the event that says why the job cannot go on just now, for the nth time for that reason."""
    reason = waiting.reason
    data = to_json({"stage": "waiting", "reason": reason, **_trouble(waiting, now)})

    def unit(db: sqlite3.Connection) -> None:
        fence(db, job_id, epoch=epoch, now=now)
        append_event(db, job_id, key=f"waiting/{epoch}/{reason}/{nth}", kind="progress", now=now, data=data)
        count(db, "waits", reason=reason)

    database.write(unit)


def _trouble(waiting: Waiting, now: float) -> dict[str, object]:
    """Return what is known of the trouble; what is not is left out."""
    until = None if waiting.patience_s is None else round(now + waiting.patience_s, 3)
    known = {"roles": list(waiting.roles), "endpoint": waiting.endpoint, "error": waiting.error, "until": until}
    return {name: value for name, value in known.items() if value}


def fence(db: sqlite3.Connection, job_id: str, *, epoch: int, now: float) -> None:
    """Raise Interrupted unless the job runs and this epoch owns it."""
    held = db.execute(
        "UPDATE jobs SET updated_at = ? WHERE id = ? AND owner_epoch = ? AND status = 'running'",
        (now, job_id, epoch),
    ).rowcount
    if not held:
        raise Interrupted("lease_lost", "the job is not this runner's any more")


def refuse_strangers(db: sqlite3.Connection, job_id: str, *, epoch: int) -> None:
    """Raise Interrupted unless the job runs and this epoch owns it; writes nothing, for what changes no job's row."""
    held = db.execute(
        "SELECT 1 FROM jobs WHERE id = ? AND owner_epoch = ? AND status = 'running'", (job_id, epoch)
    ).fetchone()
    if held is None:
        raise Interrupted("lease_lost", "the job is not this runner's any more")


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


def _deltas(database: Database, job_id: str, parts: "_Parts", *, upto: int) -> list[Delta]:
    events = database.rows(
        "SELECT id, spending, checkpoint, key, data FROM events WHERE job_id = ? AND type = 'progress' AND void IS NULL"
        " AND id <= ? ORDER BY id",
        (job_id, upto),
    )
    return [_delta(event, parts) for event in events]


def _delta_of(event_id: int, parts: "_Parts") -> Delta:
    mine = {table: rows.get(event_id, []) for table, rows in parts.items()}
    return Delta(
        examples=tuple(example_from(row, synthetic=True) for row in mine["examples"]),
        candidates=tuple(candidate_from(row) for row in mine["candidates"]),
        rollouts=tuple(rollout_from(row) for row in mine["rollouts"]),
        lessons=tuple(lesson_from(row) for row in mine["lessons"]),
    )


def _delta(event: Row, parts: "_Parts") -> Delta:
    completes = bool(event["checkpoint"]) and json.loads(event["data"])["stage"] in COMPLETING
    return replace(
        _delta_of(event["id"], parts),
        noise=noise_from_json(event["data"]) if event["key"] == NOISE_KEY else None,
        spending=spending_from_json(event["spending"]) if event["spending"] else NOTHING_SPENT,
        iteration=json.loads(event["data"])["iteration"] if completes else None,
        checkpoint=bool(event["checkpoint"]),
    )


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


def _by_event(database: Database, table: str, job_id: str, upto: int) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in database.rows(_PARTS[table], (job_id, upto)):
        found.setdefault(row["event_id"], []).append(row)
    return found


def _insert_delta(db: sqlite3.Connection, job_id: str, event_id: int, delta: Delta) -> None:
    if delta.noise is not None:
        db.execute("UPDATE jobs SET judge_noise = ? WHERE id = ?", (noise_to_json(delta.noise), job_id))
    if delta.examples:
        _insert_drafted(db, job_id, event_id, delta.examples)
    db.executemany(
        "INSERT INTO candidates (job_id, id, event_id, iteration, text, prompts, parents, operator, decision, reason,"
        " score, parent_score, compared) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (job_id, each.id, event_id, each.iteration, each.text, to_json(each.prompts), to_json(each.parents),
             each.operator, each.decision, each.reason, each.score, each.parent_score, each.compared)
            for each in delta.candidates
        ],
    )  # fmt: skip
    db.executemany(
        "INSERT INTO rollouts (job_id, event_id, position, candidate_id, example_id, split, output, score, feedback,"
        " error, flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (job_id, event_id, place, each.candidate_id, each.example_id, each.split, each.output, each.score,
             each.feedback, each.error, to_json(each.flags))
            for place, each in enumerate(delta.rollouts)
        ],
    )  # fmt: skip
    db.executemany(
        "INSERT INTO lessons (job_id, id, event_id, text, candidate_id, iteration, gain) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (job_id, each.id, event_id, each.text, each.candidate_id, each.iteration, each.gain)
            for each in delta.lessons
        ],
    )


def _insert_drafted(db: sqlite3.Connection, job_id: str, event_id: int, examples: tuple[Example, ...]) -> None:
    db.executemany(
        "INSERT INTO examples (job_id, position, id, input, ideal, tags, meta, synthetic, event_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (job_id, place, *example_values(each), each.synthetic, event_id) for place, each in enumerate(examples)
        ],
    )  # fmt: skip
    db.execute("UPDATE jobs SET drafted = ? WHERE id = ?", (len(examples), job_id))


def _show_progress(db: sqlite3.Connection, job_id: str, progress: Progress) -> None:
    """Show how far the job is; rollouts that a resumed job records anew are counted already."""
    before = db.execute("SELECT rollouts FROM jobs WHERE id = ?", (job_id,)).fetchone()["rollouts"]
    if progress.rollouts > before:
        count(db, "rollouts", progress.rollouts - before)
    db.execute(
        "UPDATE jobs SET iteration = ?, rollouts = max(rollouts, ?), seed_score = ?, best_score = ?,"
        " best_candidate_id = ? WHERE id = ?",
        (progress.iteration, progress.rollouts, progress.seed_score, progress.best_score, progress.best_candidate_id,
         job_id),
    )  # fmt: skip
