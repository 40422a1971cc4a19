"""Requests: what a user may ask of a job that exists, each one transaction."""

import sqlite3
from dataclasses import dataclass

from gepa_next.errors import ConflictError, NotFoundError
from gepa_next.models import JobSpec, JobStatus
from gepa_next.store.codec import spec_to_json, to_json
from gepa_next.store.counters import count
from gepa_next.store.database import Database
from gepa_next.store.events import append_event
from gepa_next.store.quotas import NO_QUOTA, Quota, refuse_if_full, within_quota

CANCELLED = to_json({"stop_reason": "cancelled"})


def cancel_job(database: Database, job_id: str, *, token_id: str, now: float) -> None:
    """Commit the cancellation with its terminal event; nothing the second time.

    NotFoundError for another token's job, ConflictError for a finished or failed one.
    """

    def unit(db: sqlite3.Connection) -> None:
        status = _status(db, job_id, token_id)
        if status is JobStatus.CANCELLED:
            return
        if status.terminal:
            raise ConflictError("not_cancelable", f"the job is {status}")
        epoch = db.execute(
            "UPDATE jobs SET status = 'cancelled', stop_reason = 'cancelled', finished_at = ?, updated_at = ?,"
            " paused_s = paused_s + max(0, ? - coalesce(left_at, ?)), left_at = NULL"
            " WHERE id = ? RETURNING owner_epoch",
            (now, now, now, now, job_id),
        ).fetchone()["owner_epoch"]
        append_event(db, job_id, key=f"cancelled/{epoch}/{now}", kind="cancelled", now=now, data=CANCELLED)
        count(db, "jobs", status="cancelled")

    database.write(unit)


def stop_job(database: Database, job_id: str, *, token_id: str, now: float) -> None:
    """Ask that the job end soon with the best so far; the same again changes nothing.

    NotFoundError for another token's job, ConflictError for a terminal one.
    """

    def unit(db: sqlite3.Connection) -> None:
        status = _status(db, job_id, token_id)
        if status.terminal:
            raise ConflictError("not_stoppable", f"the job is {status}")
        db.execute("UPDATE jobs SET stop_requested = 1, updated_at = ? WHERE id = ?", (now, job_id))

    database.write(unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """A terminal job to go on with, under a spec whose limits may be larger than before.

    `seen_event_id` is the job's last event when the request was judged: if the job moved since, nothing happens.
    """

    job_id: str
    spec: JobSpec
    seen_event_id: int
    token_id: str = ""
    quota: Quota = NO_QUOTA


def resume_job(database: Database, resumption: Resumption, *, now: float) -> None:
    """Put a terminal job back into the queue, to go on from its last checkpoint.

    What was recorded after that checkpoint is made again from the ledger: its events stay in the log but
    count no more. It stays its last owner's until that one releases it. ConflictError if the job moved meanwhile, or is
    being pruned, QuotaError if its owner has as many jobs under way, or as many bytes, as they may.
    """
    spec = spec_to_json(resumption.spec)

    def unit(db: sqlite3.Connection) -> None:
        refuse_if_full(db, resumption.token_id, resumption.quota)
        with within_quota(db, resumption.token_id, resumption.quota):
            _go_on(db, resumption, spec, now=now)
        _void_unfinished(db, resumption.job_id)
        # What failed is asked again: somebody may have mended it. Without the hint all calls of the job are read.
        db.execute(
            "UPDATE calls INDEXED BY calls_failed SET status = 'refused' WHERE job_id = ? AND status = 'failed'",
            (resumption.job_id,),
        )
        db.execute("DELETE FROM decisions WHERE job_id = ? AND answer IS NOT NULL", (resumption.job_id,))

    database.write(unit)


def _go_on(db: sqlite3.Connection, resumption: Resumption, spec: str, *, now: float) -> None:
    moved = db.execute(
        "UPDATE jobs SET status = 'queued', spec = ?, stop_reason = NULL, error_code = NULL, error_message = NULL,"
        " result = NULL, left_at = CASE WHEN started_at IS NOT NULL THEN finished_at END,"
        " finished_at = NULL, stop_requested = 0,"
        " updated_at = ? WHERE id = ? AND last_event_id = ? AND token_id <> ''"
        " AND status IN ('finished', 'failed', 'cancelled')",
        (spec, now, resumption.job_id, resumption.seen_event_id),
    ).rowcount
    if not moved:
        raise ConflictError("not_resumable", "the job has moved on meanwhile")


def _void_unfinished(db: sqlite3.Connection, job_id: str) -> None:
    last = db.execute(
        "SELECT coalesce(max(id), 0) FROM events WHERE job_id = ? AND checkpoint = 1", (job_id,)
    ).fetchone()[0]
    db.execute(
        "UPDATE events SET void = 1, key = key || '/void/' || id WHERE job_id = ? AND id > ? AND type = 'progress'",
        (job_id, last),
    )
    if not last:  # drafted examples go with the rest
        db.execute("UPDATE jobs SET drafted = 0 WHERE id = ?", (job_id,))
    for table in ("examples", "candidates", "rollouts", "lessons"):
        db.execute(f"DELETE FROM {table} WHERE job_id = ? AND event_id > ?", (job_id, last))  # noqa: S608 - constant


def _status(db: sqlite3.Connection, job_id: str, token_id: str) -> JobStatus:
    row = db.execute("SELECT status FROM jobs WHERE id = ? AND token_id = ?", (job_id, token_id)).fetchone()
    if row is None:
        raise NotFoundError("there is no such job")
    return JobStatus(row["status"])
