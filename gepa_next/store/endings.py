"""Endings: the three ways a job becomes terminal, each one transaction with its event."""

import sqlite3
from collections.abc import Mapping

from gepa_next.errors import ConflictError, NotFoundError
from gepa_next.models import JobStatus
from gepa_next.store.codec import to_json
from gepa_next.store.counters import count
from gepa_next.store.database import Database
from gepa_next.store.events import append_event

CANCELLED = to_json({"stop_reason": "cancelled"})


def cancel_job(database: Database, job_id: str, *, token_id: str, now: float) -> None:
    """Commit the cancellation with its terminal event; nothing the second time.

    NotFoundError for another token's job, ConflictError for a finished or failed one.
    """

    def unit(db: sqlite3.Connection) -> None:
        row = db.execute("SELECT status FROM jobs WHERE id = ? AND token_id = ?", (job_id, token_id)).fetchone()
        if row is None:
            raise NotFoundError("there is no such job")
        status = JobStatus(row["status"])
        if status is JobStatus.CANCELLED:
            return
        if status.terminal:
            raise ConflictError("not_cancelable", f"the job is {status}")
        db.execute(
            "UPDATE jobs SET status = 'cancelled', stop_reason = 'cancelled', finished_at = ?, updated_at = ?"
            " WHERE id = ?",
            (now, now, job_id),
        )
        append_event(db, job_id, key=f"cancelled/{now}", kind="cancelled", now=now, data=CANCELLED)
        count(db, "jobs", status="cancelled")

    database.write(unit)


def finish_job(database: Database, job_id: str, *, epoch: int, now: float, result: Mapping[str, object]) -> None:
    """Move the job from running to finished with its terminal event; nothing if it is not ours any more."""
    text, stop_reason = to_json(result), str(result["stop_reason"])

    def unit(db: sqlite3.Connection) -> None:
        moved = db.execute(
            "UPDATE jobs SET status = 'finished', stop_reason = ?, result = ?, finished_at = ?, updated_at = ?"
            " WHERE id = ? AND owner_epoch = ? AND status = 'running'",
            (stop_reason, text, now, now, job_id, epoch),
        ).rowcount
        if moved:
            append_event(db, job_id, key=f"finished/{epoch}", kind="finished", now=now, data=text)
            count(db, "jobs", status="finished")

    database.write(unit)


def fail_job(database: Database, job_id: str, *, epoch: int, now: float, code: str, message: str) -> None:
    """Move the job from running to failed with its terminal event; nothing if it is not ours any more."""
    data = to_json({"code": code, "message": message})

    def unit(db: sqlite3.Connection) -> None:
        moved = db.execute(
            "UPDATE jobs SET status = 'failed', stop_reason = 'error', error_code = ?, error_message = ?,"
            " finished_at = ?, updated_at = ? WHERE id = ? AND owner_epoch = ? AND status = 'running'",
            (code, message, now, now, job_id, epoch),
        ).rowcount
        if moved:
            append_event(db, job_id, key=f"failed/{epoch}", kind="failed", now=now, data=data)
            count(db, "jobs", status="failed")

    database.write(unit)
