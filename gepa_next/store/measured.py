"""What processes have measured: counters added up over all of them, and gauges that are each one's own.

To write it is not measured: it would be news each time. Nor does it wait for others who write: there is a next time.
"""

import sqlite3
from collections.abc import Iterable, Mapping

from gepa_next.models import Counter, Process, Shown
from gepa_next.store.counters import count
from gepa_next.store.database import Database

MOST_SHOWN = 1000


def record_measured(
    database: Database, process: Process, counters: Iterable[Counter], shown: Mapping[str, float]
) -> None:
    """Raise the counters by these and replace what the process shows, in one transaction; perhaps UnavailableError."""

    def unit(db: sqlite3.Connection) -> None:
        for counter in counters:
            count(db, counter.name, counter.value, **dict(counter.labels))
        db.executemany(
            "INSERT INTO gauges (boot_id, pid, pid_started_at, name, value) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET value = excluded.value",
            [(*_key(process), name, value) for name, value in shown.items()],
        )

    database.write_soon(unit)


def list_shown(database: Database) -> list[Shown]:
    """Return what processes show, or showed before they ended."""
    rows = database.rows("SELECT boot_id, pid, pid_started_at, name, value FROM gauges LIMIT ?", (MOST_SHOWN,))
    return [
        Shown(
            process=Process(pid=row["pid"], pid_started_at=row["pid_started_at"], boot_id=row["boot_id"]),
            name=row["name"],
            value=row["value"],
        )
        for row in rows
    ]


def forget_shown(database: Database, gone: Iterable[Process]) -> None:
    """Delete what these processes showed."""
    keys = [_key(process) for process in gone]
    if keys:
        database.write_soon(
            lambda db: db.executemany("DELETE FROM gauges WHERE boot_id = ? AND pid = ? AND pid_started_at = ?", keys)
        )


def _key(process: Process) -> tuple[str, int, int]:
    return process.boot_id, process.pid, process.pid_started_at
