"""The example bank: examples kept for later jobs, each token its own."""

import json
import sqlite3
from collections.abc import Callable, Iterable, MutableSet, Sequence
from dataclasses import dataclass

from gepa_next.errors import NotFoundError
from gepa_next.gepa.types import Example
from gepa_next.models import BankExample, content_hash, content_id
from gepa_next.store.codec import example_from, example_values, to_json
from gepa_next.store.database import Database, Row, Values
from gepa_next.store.quotas import NO_QUOTA, Quota, within_quota

BANK_COLUMNS = "id, input, ideal, tags, meta, created_at"

Read = Callable[[str, Values], list[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upserted:
    """How many examples were written, and the places of those whose content was known before, word for word."""

    upserted: int
    duplicates: tuple[int, ...]


def upsert_examples(
    database: Database, token_id: str, examples: Sequence[Example], *, now: float, quota: Quota = NO_QUOTA
) -> Upserted:
    """Write the examples in one transaction, one of the same id being replaced; a few hundred, sorted, are quickest.

    QuotaError if that would be more than the owner may have.
    """
    hashes = [content_hash(each.input, each.ideal) for each in examples]
    rows = [
        (token_id, *example_values(each), None if each.id == content_id(hashed) else hashed, now)
        for each, hashed in zip(examples, hashes, strict=True)
    ]

    def unit(db: sqlite3.Connection) -> set[str]:
        known = _held(lambda sql, values: db.execute(sql, values).fetchall(), token_id, hashes)
        with within_quota(db, token_id, quota):
            db.executemany(
                "INSERT INTO bank (token_id, id, input, ideal, tags, meta, content_hash, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET input = excluded.input,"
                " ideal = excluded.ideal, tags = excluded.tags, meta = excluded.meta,"
                " content_hash = excluded.content_hash",
                rows,
            )
        return known

    return Upserted(upserted=len(rows), duplicates=_places(hashes, database.write(unit)))


def find_duplicates(
    database: Database, token_id: str, examples: Sequence[Example], met: MutableSet[str]
) -> tuple[int, ...]:
    """Return the places of the examples whose content the bank holds or was met, and meet the others."""
    hashes = [content_hash(each.input, each.ideal) for each in examples]
    met |= _held(database.rows, token_id, hashes)
    return _places(hashes, met)


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


def _held(read: Read, token_id: str, hashes: Sequence[str]) -> set[str]:
    """Return which of the contents the bank holds."""
    ids = {content_id(hashed): hashed for hashed in hashes}
    named = read(
        "SELECT id FROM bank WHERE token_id = ? AND content_hash IS NULL AND id IN (SELECT value FROM json_each(?))",
        (token_id, to_json(list(ids))),
    )
    others = read(
        "SELECT content_hash FROM bank WHERE token_id = ? AND content_hash IN (SELECT value FROM json_each(?))",
        (token_id, to_json(hashes)),
    )
    return {ids[row["id"]] for row in named} | {row["content_hash"] for row in others}


def _places(hashes: Iterable[str], known: MutableSet[str]) -> tuple[int, ...]:
    """Return the places of the contents that are known, or were met earlier."""
    found = []
    for place, hashed in enumerate(hashes):
        if hashed in known:
            found.append(place)
        known.add(hashed)
    return tuple(found)


def bank_example(row: Row) -> BankExample:
    """Return the example of a row with the columns of the bank."""
    return BankExample(example=example_from(row), created_at=row["created_at"])
