"""The event log: gap-free ids per job, each event once by its natural key."""

import math
import sqlite3
from collections.abc import Iterable, Iterator
from functools import partial

from gepa_next.models import StoredEvent
from gepa_next.store.database import Database, Row

_COLUMNS = "sequence, job_id, id, type, ts, data"
PAGE = 100


def append_event(
    db: sqlite3.Connection,
    job_id: str,
    *,
    key: str,
    kind: str,
    now: float,
    data: str,
    spending: str | None = None,
    checkpoint: bool = False,
) -> int | None:
    """Append to the job's log inside the caller's transaction; return its id, None if the key is there already."""
    if db.execute("SELECT 1 FROM events WHERE job_id = ? AND key = ?", (job_id, key)).fetchone():
        return None
    taken = db.execute(
        "UPDATE jobs SET last_event_id = last_event_id + 1, updated_at = ? WHERE id = ? RETURNING last_event_id",
        (now, job_id),
    ).fetchone()
    db.execute(
        "INSERT INTO events (job_id, id, key, type, ts, data, spending, checkpoint) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (job_id, taken["last_event_id"], key, kind, now, data, spending, 1 if checkpoint else None),
    )
    return int(taken["last_event_id"])


def list_events(
    database: Database, job_id: str, *, after: int, limit: int, most_bytes: float = math.inf
) -> list[StoredEvent]:
    """Return a page of the job's events with ids above `after`, in order.

    It ends before the event whose data would make it larger than `most_bytes`, unless that is its first.
    """
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM events WHERE job_id = ? AND id > ? ORDER BY id LIMIT ?",  # noqa: S608 - constant
        (job_id, after, limit),
        take=partial(_take, most_bytes=most_bytes),
    )
    return [_event(row) for row in rows]


def _take(rows: Iterable[Row], *, most_bytes: float) -> list[Row]:
    taken: list[Row] = []
    for row in rows:
        most_bytes -= len(row["data"].encode())
        if taken and most_bytes < 0:
            break
        taken.append(row)
    return taken


def iterate_events(database: Database, job_id: str, *, upto: int, after: int = 0) -> Iterator[StoredEvent]:
    """Yield the job's events with ids above `after`, up to `upto`, in order, reading a page at a time."""
    while after < upto and (page := list_events(database, job_id, after=after, limit=min(PAGE, upto - after))):
        yield from page
        after = page[-1].id


def last_end(database: Database, job_id: str, *, before: int) -> int:
    """Return the id of the job's last terminal event before that one, 0 if there is none."""
    row = database.row(
        "SELECT max(id) AS id FROM events WHERE job_id = ? AND id < ? AND type IN ('finished', 'failed', 'cancelled')",
        (job_id, before),
    )
    return (row["id"] if row else None) or 0


def tail_events(database: Database, *, after: int, limit: int) -> list[StoredEvent]:
    """Return events of all jobs with sequences above `after`, in the order they were committed."""
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?",  # noqa: S608 - constant
        (after, limit),
    )
    return [_event(row) for row in rows]


def find_next(database: Database, *, after: int) -> tuple[int, str] | None:
    """Return sequence and job id of the first event after that sequence, though the rest of it may be damaged."""
    row = database.row("SELECT sequence, job_id FROM events WHERE sequence > ? ORDER BY sequence LIMIT 1", (after,))
    return (row["sequence"], row["job_id"]) if row else None


def last_sequence(database: Database) -> int:
    """Return the sequence of the newest event of all, 0 if there is none."""
    return int(database.rows("SELECT coalesce(max(sequence), 0) FROM events")[0][0])


def _event(row: Row) -> StoredEvent:
    return StoredEvent(
        sequence=row["sequence"],
        job_id=row["job_id"],
        id=row["id"],
        type=row["type"],
        ts=row["ts"],
        data=row["data"],
    )
