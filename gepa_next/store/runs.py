"""Runs: every step of the engine in one transaction, under the epoch of whoever owns the job."""

import sqlite3
from dataclasses import dataclass

from gepa_next.errors import Interrupted
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import Example
from gepa_next.models import Waiting
from gepa_next.store.codec import example_values, noise_to_json, spending_to_json, to_json
from gepa_next.store.counters import count
from gepa_next.store.database import Database
from gepa_next.store.events import append_event
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
    delta, data = step.delta, to_json({"stage": step.stage, **step.data})
    spent = spending_to_json(delta.spending) if delta.spending else None

    def unit(db: sqlite3.Connection) -> bool:
        if after is not None and after.error is not None:
            raise after.error
        fence(db, job_id, epoch=epoch, now=now)
        event_id = append_event(
            db, job_id, key=step.key, kind="progress", now=now, data=data, spending=spent, checkpoint=delta.checkpoint
        )
        if event_id is None:
            return False
        _insert_delta(db, job_id, event_id, delta)
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
