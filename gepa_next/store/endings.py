"""Endings: the two ways a runner ends a job, each one transaction with its event."""

import sqlite3
from collections.abc import Mapping

from gepa_next.store.codec import to_json
from gepa_next.store.counters import count
from gepa_next.store.database import Database
from gepa_next.store.events import append_event


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
