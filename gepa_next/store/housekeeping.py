"""Keeping house: a copy while in use, old jobs deleted in small batches, and a check of the file."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from gepa_next.errors import StoreError
from gepa_next.store.connections import PRIVATE
from gepa_next.store.database import Database

BATCH = 500
PAUSE_S = 0.002
# What belongs to a job, with the key that names a row.
PARTS = {
    "events": "sequence",
    "rollouts": "job_id, event_id, position",
    "candidates": "job_id, id",
    "lessons": "job_id, id",
    "examples": "job_id, position",
    "calls": "job_id, key, request_sha256",
    "usage": "job_id, role",
    "decisions": "job_id, point",
    "idempotency": "token_id, key",
}


def back_up(database: Database, target: Path) -> int:
    """Write a consistent copy to a new file while the database is in use; return its size in bytes.

    The file is there when all of it is on the disk, and not before. StoreError if there is one or it cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        _refuse_existing(target)
        with _own(part) as descriptor:
            _copy(database, part)
            os.fsync(descriptor)
            os.link(part, target)  # which overwrites nothing, were it made meanwhile
        _sync_folder(target)
        return target.stat().st_size
    except (OSError, sqlite3.Error) as error:
        raise StoreError("backup_failed", f"the backup cannot be written: {error}") from error


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise StoreError("file_exists", f"{target} exists already")


@contextmanager
def _own(part: Path) -> Iterator[int]:
    """Have an empty file for this process alone, whatever a backup that was killed left there; remove it at the end."""
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            os.truncate(descriptor, 0)
            yield descriptor
        finally:
            part.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _copy(database: Database, path: Path) -> None:
    # A connection of its own: it takes seconds, and the shared one only reads.
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("VACUUM INTO ?", (str(path),))


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def prune_jobs(
    database: Database, *, before: float, wait: Callable[[float], None] = time.sleep, batch: int = BATCH
) -> int:
    """Delete terminal jobs that ended before that time, with all that belongs to them; return how many.

    Each transaction deletes one batch of rows, so that no writer waits long. Counters stay.
    """
    pruned = 0
    while jobs := database.rows(
        "SELECT id FROM jobs WHERE status IN ('finished', 'failed', 'cancelled') AND finished_at < ? LIMIT ?",
        (before, batch),
    ):
        for job in jobs:
            if database.write(partial(_hide_job, job_id=job["id"], before=before)):
                _delete_parts(database, job["id"], batch, wait)
                pruned += database.write(partial(_delete_job, job_id=job["id"]))
    return pruned


def check_file(database: Database) -> list[str]:
    """Return what SQLite finds wrong with the file; nothing if it is whole."""
    try:
        found = [str(row[0]) for row in database.rows("PRAGMA integrity_check(20)")]
        broken = database.rows("PRAGMA foreign_key_check")
    except StoreError as error:  # so damaged that the check itself ends
        return [error.message]
    return [each for each in found if each != "ok"] + [f"{row[0]}: a row without its {row[2]}" for row in broken]


def _delete_parts(database: Database, job_id: str, batch: int, wait: Callable[[float], None]) -> None:
    for table in PARTS:
        while database.write(partial(_delete_some, table=table, job_id=job_id, batch=batch)):
            wait(PAUSE_S)


def _delete_some(db: sqlite3.Connection, *, table: str, job_id: str, batch: int) -> int:
    key = PARTS[table]
    return db.execute(
        f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE job_id = ? LIMIT ?)",  # noqa: S608
        (job_id, batch),
    ).rowcount


def _hide_job(db: sqlite3.Connection, *, job_id: str, before: float) -> int:
    """Make a job that is still terminal nobody's, so that it is out of sight and nobody resumes half of it."""
    return db.execute(
        "UPDATE jobs SET token_id = '' WHERE id = ? AND finished_at < ?"
        " AND status IN ('finished', 'failed', 'cancelled')",
        (job_id, before),
    ).rowcount


def _delete_job(db: sqlite3.Connection, *, job_id: str) -> int:
    return db.execute(
        "DELETE FROM jobs WHERE id = ? AND token_id = '' AND status IN ('finished', 'failed', 'cancelled')", (job_id,)
    ).rowcount
