"""Counters that only rise, written with the rows they count and never pruned."""

import json
import sqlite3

from gepa_next.models import Counter
from gepa_next.store.database import Database


def count(db: sqlite3.Connection, name: str, amount: float = 1, /, **labels: str) -> None:
    """Raise a counter inside the caller's transaction."""
    db.execute(
        "INSERT INTO counters (name, labels, value) VALUES (?, ?, ?)"
        " ON CONFLICT (name, labels) DO UPDATE SET value = value + excluded.value",
        (name, json.dumps(labels, sort_keys=True), amount),
    )


def list_counters(database: Database) -> list[Counter]:
    """Return every counter."""
    rows = database.rows("SELECT name, labels, value FROM counters ORDER BY name, labels")
    return [
        Counter(name=row["name"], labels=tuple(json.loads(row["labels"]).items()), value=row["value"]) for row in rows
    ]


def count_running(database: Database) -> int:
    """Return how many jobs are running now."""
    return int(database.rows("SELECT count(*) FROM jobs WHERE status = 'running'")[0][0])
