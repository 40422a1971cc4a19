"""The example bank: examples kept for later jobs, each token its own."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from gepa_next.errors import NotFoundError
from gepa_next.gepa.types import Example
from gepa_next.models import BankExample
from gepa_next.store.codec import example_from, example_values
from gepa_next.store.database import Database, Row

BANK_COLUMNS = "id, input, ideal, tags, meta, created_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upserted:
    """How many examples were written, and how many of them the bank held before, word for word."""

    upserted: int
    duplicates: int


def upsert_examples(database: Database, token_id: str, examples: Sequence[Example], *, now: float) -> Upserted:
    """Write the examples, one of the same id being replaced, and count those the bank holds already."""
    rows = [(token_id, *example_values(each), _content(each), now) for each in examples]

    def unit(db: sqlite3.Connection) -> Upserted:
        duplicates = 0
        for row in rows:
            duplicates += _holds(db, token_id, row[-2])
            db.execute(
                "INSERT INTO bank (token_id, id, input, ideal, tags, meta, content_sha256, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET input = excluded.input,"
                " ideal = excluded.ideal, tags = excluded.tags, meta = excluded.meta,"
                " content_sha256 = excluded.content_sha256",
                row,
            )
        return Upserted(upserted=len(rows), duplicates=duplicates)

    return database.write(unit)


def get_example(database: Database, token_id: str, example_id: str) -> BankExample:
    """Return the example; NotFoundError if the token has none of that id."""
    row = database.row(
        f"SELECT {BANK_COLUMNS} FROM bank WHERE token_id = ? AND id = ?",  # noqa: S608 - constant columns
        (token_id, example_id),
    )
    if row is None:
        raise NotFoundError("there is no such example")
    return bank_example(row)


def list_examples(
    database: Database, token_id: str, *, tags: Iterable[str], limit: int, after: str | None
) -> list[BankExample]:
    """Return examples that have all the tags, by id, those after the given id."""
    wanted = json.dumps(sorted(set(tags)))
    rows = database.rows(
        f"SELECT {BANK_COLUMNS} FROM bank WHERE token_id = ? AND id > ? AND NOT EXISTS ("  # noqa: S608 - constant columns
        " SELECT value FROM json_each(?) EXCEPT SELECT value FROM json_each(bank.tags)) ORDER BY id LIMIT ?",
        (token_id, after or "", wanted, limit),
    )
    return [bank_example(row) for row in rows]


def delete_example(database: Database, token_id: str, example_id: str) -> None:
    """Delete the example; NotFoundError if the token has none of that id."""
    deleted = database.write(
        lambda db: db.execute("DELETE FROM bank WHERE token_id = ? AND id = ?", (token_id, example_id)).rowcount
    )
    if not deleted:
        raise NotFoundError("there is no such example")


def _holds(db: sqlite3.Connection, token_id: str, content: object) -> bool:
    found = db.execute("SELECT 1 FROM bank WHERE token_id = ? AND content_sha256 = ?", (token_id, content))
    return found.fetchone() is not None


def _content(example: Example) -> str:
    return sha256("\0".join((example.input, example.ideal or "")).encode()).hexdigest()


def bank_example(row: Row) -> BankExample:
    """Return the example of a row with the columns of the bank."""
    return BankExample(example=example_from(row), created_at=row["created_at"])
