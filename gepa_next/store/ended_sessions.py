"""Sessions of pages that were ended before their time; each is remembered until that time is over."""

import sqlite3

from gepa_next.store.database import Database

FORGOTTEN_AT_ONCE = 500


def end_session(database: Database, session_id: str, *, until: float, now: float) -> None:
    """Have the session be over, which would have been good until then; again is the same."""

    def unit(db: sqlite3.Connection) -> None:
        db.execute(
            "DELETE FROM ended_sessions WHERE id IN (SELECT id FROM ended_sessions WHERE until <= ? LIMIT ?)",
            (now, FORGOTTEN_AT_ONCE),
        )
        db.execute("INSERT INTO ended_sessions (id, until) VALUES (?, ?) ON CONFLICT DO NOTHING", (session_id, until))

    database.write(unit)


def has_session_ended(database: Database, session_id: str) -> bool:
    """Say whether the session was ended."""
    return database.row("SELECT 1 FROM ended_sessions WHERE id = ?", (session_id,)) is not None
