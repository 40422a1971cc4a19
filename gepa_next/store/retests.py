"""Re-tests of pinned prompts: which there were, and which examples of the bank are new to a version."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from gepa_next.errors import NotFoundError
from gepa_next.models import BankExample, JobStatus, PinnedVersion, Retest
from gepa_next.store.bank import BANK_COLUMNS, bank_example
from gepa_next.store.database import Database


@dataclass(frozen=True, slots=True, order=True)
class Newest:
    """A place among the examples of the bank, in the order in which they came."""

    created_at: float
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRetest:
    """A re-test as it stands: `status` is None once its job is deleted, `verdict` then and before the end."""

    job_id: str
    version: int
    against: int
    created_at: float
    status: JobStatus | None
    verdict: str | None


def note_retest(
    db: sqlite3.Connection, token_id: str, job_id: str, retest: Retest, *, upto: Newest | None, now: float
) -> None:
    """Note the job as a re-test of its version, in the caller's transaction; NotFoundError if that is gone."""
    noted = db.execute(
        "INSERT INTO pin_retests (token_id, name, created_at, job_id, number, against, upto_at, upto_id)"
        " SELECT token_id, name, ?, ?, number, ?, ?, ? FROM pin_versions"
        " WHERE token_id = ? AND name = ? AND number = ?",
        (now, job_id, retest.against, upto.created_at if upto else None, upto.id if upto else None,
         token_id, retest.name, retest.version),
    ).rowcount  # fmt: skip
    if not noted:
        raise NotFoundError("there is no such version any more")


def list_new_examples(
    database: Database, token_id: str, version: PinnedVersion, *, limit: int
) -> list[BankExample]:  # fmt: skip
    """Return the examples that came into the bank after those of the version's last re-test, oldest first.

    Before the first, those that came after the job that the version is from. A re-test that failed or was cancelled
    counts for nothing.
    """
    after = _last_tested(database, token_id, version)
    rows = database.rows(
        f"SELECT {BANK_COLUMNS} FROM bank WHERE token_id = ? AND (created_at, id) > (?, ?)"  # noqa: S608 - constant
        " ORDER BY created_at, id LIMIT ?",
        (token_id, after.created_at, after.id, limit),
    )
    return [bank_example(row) for row in rows]


def _last_tested(database: Database, token_id: str, version: PinnedVersion) -> Newest:
    row = database.row(
        "SELECT upto_at, upto_id FROM pin_retests LEFT JOIN jobs ON jobs.id = job_id"
        " WHERE pin_retests.token_id = ? AND name = ? AND number = ? AND upto_at IS NOT NULL"
        " AND (status IS NULL OR status NOT IN ('failed', 'cancelled')) ORDER BY upto_at DESC, upto_id DESC LIMIT 1",
        (token_id, version.name, version.number),
    )
    return Newest(row["upto_at"], row["upto_id"]) if row is not None else Newest(version.job_created_at, "")


def list_named_examples(database: Database, token_id: str, ids: Sequence[str]) -> list[BankExample]:
    """Return those of the examples that the bank has, by id."""
    rows = database.rows(
        f"SELECT {BANK_COLUMNS} FROM bank WHERE token_id = ?"  # noqa: S608 - constant columns
        " AND id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (token_id, json.dumps(list(ids))),
    )
    return [bank_example(row) for row in rows]


def list_retests(
    database: Database, token_id: str, name: str, *, limit: int, before: tuple[float, str] | None
) -> list[ListedRetest]:
    """Return the re-tests of all versions of the name, newest first, those before a given (created_at, job id)."""
    created_at, job_id = before if before is not None else (float("inf"), "")
    rows = database.rows(
        "SELECT r.job_id, r.number, r.against, r.created_at, jobs.status,"
        " json_extract(jobs.result, '$.verdict') AS verdict"
        " FROM pin_retests AS r LEFT JOIN jobs ON jobs.id = r.job_id AND jobs.token_id = r.token_id"
        " WHERE r.token_id = ? AND r.name = ? AND (r.created_at, r.job_id) < (?, ?)"
        " ORDER BY r.created_at DESC, r.job_id DESC LIMIT ?",
        (token_id, name, created_at, job_id, limit),
    )
    return [
        ListedRetest(
            job_id=row["job_id"],
            version=row["number"],
            against=row["against"],
            created_at=row["created_at"],
            status=JobStatus(row["status"]) if row["status"] else None,
            verdict=row["verdict"],
        )
        for row in rows
    ]
