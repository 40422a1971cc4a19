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
        message = f"{before.jobs} of at most {quota.jobs} jobs have not ended, {_adds(before.jobs, after.jobs)}"
        raise QuotaError("too_many_jobs", f"{message}; try again later")
    if _is_beyond(quota.examples, before.examples, after.examples):
        message = f"the bank has {before.examples} of at most {quota.examples} examples"
        raise QuotaError("quota_exceeded", f"{message}, {_adds(before.examples, after.examples)}; delete some")
    if _is_beyond(quota.stored_bytes, before.stored_bytes, after.stored_bytes):
        asked = _adds(before.stored_bytes, after.stored_bytes)
        raise _too_large(before.stored_bytes, quota.stored_bytes, f", {asked}")


def refuse_if_full(db: sqlite3.Connection, token_id: str, quota: Quota) -> None:
    """Raise QuotaError if the owner has no byte left: for what takes more only later."""
    if quota.stored_bytes and (held := held_by(db, token_id).stored_bytes) >= quota.stored_bytes:
        raise _too_large(held, quota.stored_bytes, "")


def _too_large(held: int, most: int, asked: str) -> QuotaError:
    message = (
        f"jobs, bank and pinned prompts take {held} of at most {most} bytes, {max(0, most - held)} are left{asked}"
    )
    return QuotaError("quota_exceeded", f"{message}; delete examples or prompts, or have the operator prune jobs")


def _adds(before: int, after: int) -> str:
    return f"this adds {after - before}"


def held_by(db: sqlite3.Connection, token_id: str) -> Quota:
    """Return how much the owner has."""
    row = db.execute(
        # The + has the few jobs looked through that have not ended, not all of the owner's.
        "SELECT (SELECT count(*) FROM jobs WHERE status IN ('queued', 'running') AND +token_id = :owner) AS jobs,"
        " (SELECT coalesce(sum(bytes), 0) FROM job_sizes WHERE token_id = :owner) AS in_jobs,"
        " coalesce((SELECT examples FROM bank_sizes WHERE token_id = :owner), 0) AS examples,"
        " coalesce((SELECT bytes FROM bank_sizes WHERE token_id = :owner), 0) AS in_bank,"
        " coalesce((SELECT bytes FROM pin_sizes WHERE token_id = :owner), 0) AS in_pins",
        {"owner": token_id},
    ).fetchone()
    stored = row["in_jobs"] + row["in_bank"] + row["in_pins"]
    return Quota(jobs=row["jobs"], examples=row["examples"], stored_bytes=stored)


def _is_beyond(most: int, before: int, after: int) -> bool:
    return bool(most) and after > most and after > before
