"""Endings: the two ways a runner ends a job, each one transaction with its event."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from gepa_next.gepa.run import Standing
from gepa_next.store.codec import standing_to_json, to_json
from gepa_next.store.counters import count
from gepa_next.store.database import Database
from gepa_next.store.events import append_event


def finish_job(
    database: Database, job_id: str, *, epoch: int, now: float, result: Mapping[str, object], standing: Standing
) -> bool:
    """Move the job from running to finished with its terminal event; False if it is not ours any more."""
    text = to_json(result)
    ending = _Ending(
        kind="finished",
        stop_reason=str(result["stop_reason"]),
        data=text,
        result=text,
        standing=standing_to_json(standing),
    )

    return database.write(lambda db: _end(db, job_id, ending, epoch=epoch, now=now))


def fail_job(database: Database, job_id: str, *, epoch: int, now: float, code: str, message: str) -> bool:
    """Move the job from running to failed with its terminal event; False if it is not ours any more."""
    data = to_json({"code": code, "message": message})
    ending = _Ending(kind="failed", stop_reason="error", data=data, error_code=code, error_message=message)

    return database.write(lambda db: _end(db, job_id, ending, epoch=epoch, now=now))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """What a terminal job shows; `kind` is its status and the type of its event, `data` that event's."""

    kind: str
    stop_reason: str
    data: str
    result: str | None = None
    standing: str | None = None
    error_code: str | None = None
    error_message: str | None = None


def _end(db: sqlite3.Connection, job_id: str, ending: _Ending, *, epoch: int, now: float) -> bool:
    moved = db.execute(
        "UPDATE jobs SET status = ?, stop_reason = ?, result = ?, standing = ?, error_code = ?, error_message = ?,"
        " finished_at = ?, updated_at = ? WHERE id = ? AND owner_epoch = ? AND status = 'running'",
        (ending.kind, ending.stop_reason, ending.result, ending.standing, ending.error_code, ending.error_message,
         now, now, job_id, epoch),
    ).rowcount  # fmt: skip
    if moved:
        append_event(db, job_id, key=f"{ending.kind}/{epoch}", kind=ending.kind, now=now, data=ending.data)
        count(db, "jobs", status=ending.kind)
    return bool(moved)
