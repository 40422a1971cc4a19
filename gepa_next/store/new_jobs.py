"""New jobs: stored with the request that must not make them twice, within what their owner may have."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from gepa_next.errors import InvalidError, UnavailableError
from gepa_next.gepa.types import Example
from gepa_next.models import Job, JobSpec, JobStatus, Judge
from gepa_next.store.codec import example_values, spec_to_json
from gepa_next.store.counters import count
from gepa_next.store.database import Database, Row
from gepa_next.store.forks import copy_inheritance
from gepa_next.store.quotas import NO_QUOTA, Quota, within_quota
from gepa_next.store.retests import Newest, note_retest


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job about to be stored, with the request that must not make it twice.

    `upto` is for a re-test of the bank's new examples: how far it takes them. Jobs of a comparison have its id, and a
    place in it.
    """

    id: str
    token_id: str
    spec: JobSpec
    examples: tuple[Example, ...]
    judge: Judge
    simulated: bool
    created_at: float
    body_sha256: str
    idempotency_key: str | None = None
    idempotency_ttl_s: float = 0.0
    most_queued: int = 0
    quota: Quota = NO_QUOTA
    upto: Newest | None = None
    comparison_id: str | None = None
    place: int = 0
    request_id: str = ""

    @property
    def queued(self) -> Job:
        """The job as it is once it is stored, until a runner takes it up."""
        return Job(
            id=self.id,
            token_id=self.token_id,
            status=JobStatus.QUEUED,
            spec=self.spec,
            judge=self.judge,
            simulated=self.simulated,
            created_at=self.created_at,
            updated_at=self.created_at,
            comparison_id=self.comparison_id,
        )


def insert_job(database: Database, new: NewJob, *others: NewJob) -> tuple[str, bool]:
    """Store the job and return (its id, True), or (the id made before by the same request, False).

    `others` that the same request makes are stored with it, all or none.
    InvalidError if the idempotency key came with another body, UnavailableError if the queue is full, QuotaError if
    the owner may not have as many or as large ones, NotFoundError if
    the version to be tested again, or the job to be forked, is not there any more.
    """
    prepared = [(each, spec_to_json(each.spec), _example_rows(each)) for each in (new, *others)]

    def unit(db: sqlite3.Connection) -> tuple[str, bool]:
        if (earlier := _earlier_job(db, new)) is not None:
            return earlier, False
        _refuse_if_full(db, new.most_queued, wanted=len(prepared))
        with within_quota(db, new.token_id, new.quota):
            for each, spec, example_rows in prepared:
                _insert_rows(db, each, spec, example_rows)
        return new.id, True

    return database.write(unit)


def _example_rows(new: NewJob) -> list[tuple[object, ...]]:
    return [(new.id, place, *example_values(each), each.synthetic) for place, each in enumerate(new.examples)]


def find_replayed(database: Database, *, token_id: str, key: str, body_sha256: str, oldest: float) -> str | None:
    """Return the job that the same request made since `oldest`, None if there is none.

    InvalidError if the key came with another body.
    """
    row = database.row(
        "SELECT job_id, body_sha256 FROM idempotency WHERE token_id = ? AND key = ? AND created_at >= ?",
        (token_id, key, oldest),
    )
    return _same_request(row, body_sha256)


def _earlier_job(db: sqlite3.Connection, new: NewJob) -> str | None:
    if new.idempotency_key is None:
        return None
    oldest = new.created_at - new.idempotency_ttl_s
    db.execute("DELETE FROM idempotency WHERE token_id = ? AND created_at < ?", (new.token_id, oldest))
    row = db.execute(
        "SELECT job_id, body_sha256 FROM idempotency WHERE token_id = ? AND key = ?",
        (new.token_id, new.idempotency_key),
    ).fetchone()
    return _same_request(row, new.body_sha256)


def _same_request(row: Row | None, body_sha256: str) -> str | None:
    if row is None:
        return None
    if row["body_sha256"] != body_sha256:
        raise InvalidError(
            "this Idempotency-Key was used with another body",
            [("Idempotency-Key", "send the same body, or another key")],
            code="idempotency_key_reused",
        )
    return str(row["job_id"])


def _refuse_if_full(db: sqlite3.Connection, most_queued: int, *, wanted: int) -> None:
    queued = db.execute("SELECT count(*) FROM jobs WHERE status = 'queued'").fetchone()[0]
    if most_queued and queued + wanted > most_queued:
        raise UnavailableError("queue_full", f"{queued} jobs are waiting; try again later")


def _insert_rows(db: sqlite3.Connection, new: NewJob, spec: str, example_rows: Sequence[tuple[object, ...]]) -> None:
    db.execute(
        "INSERT INTO jobs (id, token_id, status, spec, judge_model_id, judge_fingerprint, simulated, created_at,"
        " updated_at, comparison_id, place, request_id) VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (new.id, new.token_id, spec, new.judge.model_id, new.judge.fingerprint, new.simulated, new.created_at,
         new.created_at, new.comparison_id, new.place, new.request_id),
    )  # fmt: skip
    db.executemany(
        "INSERT INTO examples (job_id, position, id, input, ideal, tags, meta, synthetic)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        example_rows,
    )
    if new.idempotency_key is not None:
        db.execute(
            "INSERT INTO idempotency (token_id, key, body_sha256, job_id, created_at) VALUES (?, ?, ?, ?, ?)",
            (new.token_id, new.idempotency_key, new.body_sha256, new.id, new.created_at),
        )
    if new.spec.retest is not None:
        note_retest(db, new.token_id, new.id, new.spec.retest, upto=new.upto, now=new.created_at)
    if new.spec.fork is not None:
        copy_inheritance(db, new.token_id, new.id, new.spec.fork)
    count(db, "jobs", status="created")
