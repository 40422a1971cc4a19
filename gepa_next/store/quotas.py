"""Quotas: how much one owner may have, looked at in the transaction that would go beyond it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gepa_next.errors import QuotaError


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much an owner may have: jobs that have not ended, examples in the bank, bytes of text; 0 is no limit."""

    jobs: int = 0
    examples: int = 0
    stored_bytes: int = 0


NO_QUOTA = Quota()


@contextmanager
def within_quota(db: sqlite3.Connection, token_id: str, quota: Quota) -> Iterator[None]:
    """Raise QuotaError, which undoes the unit, if what is done inside adds to more than the owner may have."""
    if quota == NO_QUOTA:
        yield
        return
    before = held_by(db, token_id)
    yield
    after = held_by(db, token_id)
    if _is_beyond(quota.jobs, before.jobs, after.jobs):
        message = f"{before.jobs} of at most {quota.jobs} jobs have not ended; try again later"
        raise QuotaError("too_many_jobs", message)
    if _is_beyond(quota.examples, before.examples, after.examples):
        message = f"the bank has {before.examples} examples and may have {quota.examples}; delete some"
        raise QuotaError("quota_exceeded", message)
    if _is_beyond(quota.stored_bytes, before.stored_bytes, after.stored_bytes):
        message = f"jobs and bank take {before.stored_bytes} bytes and may take {quota.stored_bytes}"
        raise QuotaError("quota_exceeded", f"{message}; delete examples, or have the operator prune jobs")


def held_by(db: sqlite3.Connection, token_id: str) -> Quota:
    """Return how much the owner has."""
    row = db.execute(
        # The + has the few jobs looked through that have not ended, not all of the owner's.
        "SELECT (SELECT count(*) FROM jobs WHERE status IN ('queued', 'running') AND +token_id = :owner) AS jobs,"
        " (SELECT coalesce(sum(bytes), 0) FROM job_sizes WHERE token_id = :owner) AS in_jobs,"
        " coalesce((SELECT examples FROM bank_sizes WHERE token_id = :owner), 0) AS examples,"
        " coalesce((SELECT bytes FROM bank_sizes WHERE token_id = :owner), 0) AS in_bank",
        {"owner": token_id},
    ).fetchone()
    return Quota(jobs=row["jobs"], examples=row["examples"], stored_bytes=row["in_jobs"] + row["in_bank"])


def _is_beyond(most: int, before: int, after: int) -> bool:
    return bool(most) and after > most and after > before
