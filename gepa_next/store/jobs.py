"""Jobs: creation and look-up."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from gepa_next.errors import InvalidError, NotFoundError, UnavailableError
from gepa_next.gepa.run import Standing
from gepa_next.gepa.types import Example
from gepa_next.models import Job, JobSpec, JobStatus, JobVersion, Judge
from gepa_next.store.codec import example_values, noise_from_json, spec_from_json, spec_to_json, standing_from_json
from gepa_next.store.counters import count
from gepa_next.store.database import Database, Row
from gepa_next.store.forks import copy_inheritance
from gepa_next.store.quotas import NO_QUOTA, Quota, within_quota
from gepa_next.store.retests import Newest, note_retest

_COLUMNS = """
    jobs.id, token_id, status, spec, judge_model_id, judge_fingerprint, judge_noise, simulated, created_at, updated_at,
    started_at, finished_at, stop_reason, jobs.iteration, rollouts, seed_score, best_score, best_candidate_id,
    error_code, error_message, result, last_event_id, owner_epoch, paused_s, drafted, comparison_id,
    (SELECT text FROM candidates WHERE job_id = jobs.id AND candidates.id = best_candidate_id) AS best_prompt,
    (SELECT prompts FROM candidates WHERE job_id = jobs.id AND candidates.id = best_candidate_id) AS best_prompts
"""


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


def find_job(database: Database, job_id: str) -> Job | None:
    """Return the job, None if there is none of that id."""
    row = database.row(f"SELECT {_COLUMNS} FROM jobs WHERE jobs.id = ?", (job_id,))  # noqa: S608 - constant columns
    return _job(row) if row is not None else None


def get_version(database: Database, job_id: str, *, token_id: str) -> JobVersion:
    """Return how far the job's state has come; NotFoundError if there is no such job of this token's."""
    row = database.row(
        "SELECT owner_epoch, last_event_id, (SELECT coalesce(sum(calls), 0) FROM usage WHERE job_id = jobs.id), status,"
        " updated_at FROM jobs WHERE id = ? AND token_id = ?",
        (job_id, token_id),
    )
    if row is None:
        raise no_such_job()
    epoch, last_event_id, calls, status, updated_at = row
    return JobVersion(epoch, last_event_id, calls, JobStatus(status), updated_at)


def no_such_job() -> NotFoundError:
    """Return the error for a job that is not there, or is another token's."""
    return NotFoundError("there is no such job")


def has_ended(database: Database, job_id: str, *, after: int) -> bool:
    """Say whether the job is terminal, or gone, and `after` is at or past its last event, all read together."""
    row = database.row("SELECT status, last_event_id FROM jobs WHERE id = ?", (job_id,))
    return row is None or (JobStatus(row["status"]).terminal and after >= row["last_event_id"])


def get_job(database: Database, job_id: str, *, token_id: str | None = None) -> Job:
    """Return the job; NotFoundError if there is none, or none of this token's."""
    job = find_job(database, job_id)
    if job is None or (token_id is not None and job.token_id != token_id):
        raise no_such_job()
    return job


def find_standing(database: Database, job_id: str) -> Standing | None:
    """Return how far the job's run had come when it finished, None if it has not, or its last ending was another."""
    row = database.row("SELECT standing FROM jobs WHERE id = ? AND status = 'finished'", (job_id,))
    return standing_from_json(row["standing"]) if row is not None else None


def stop_requested(database: Database, job_id: str) -> bool:
    """Say whether somebody asked that the job end soon."""
    row = database.row("SELECT stop_requested FROM jobs WHERE id = ?", (job_id,))
    return row is not None and bool(row["stop_requested"])


def list_jobs(
    database: Database,
    *,
    token_id: str,
    status: JobStatus | None,
    limit: int,
    before: tuple[float, str] | None,
) -> list[Job]:
    """Return a page of the token's jobs, newest first, those before (created_at, id) if given."""
    created_at, job_id = before or (float("1e18"), "")
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM jobs WHERE token_id = ? AND (? IS NULL OR status = ?)"  # noqa: S608 - constant columns
        " AND (created_at, jobs.id) < (?, ?) ORDER BY created_at DESC, jobs.id DESC LIMIT ?",
        (token_id, status, status, created_at, job_id, limit),
    )
    return [_job(row) for row in rows]


def list_compared_jobs(database: Database, comparison_id: str, *, token_id: str) -> list[Job]:
    """Return the jobs of the token's comparison in its order, as far as they are not deleted."""
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM jobs WHERE comparison_id = ? AND token_id = ? ORDER BY place",  # noqa: S608 - constant columns
        (comparison_id, token_id),
    )
    return [_job(row) for row in rows]


def _job(row: Row) -> Job:
    return Job(
        id=row["id"],
        token_id=row["token_id"],
        status=JobStatus(row["status"]),
        spec=spec_from_json(row["spec"]),
        judge=Judge(
            model_id=row["judge_model_id"],
            fingerprint=row["judge_fingerprint"],
            noise=noise_from_json(row["judge_noise"]) if row["judge_noise"] else None,
        ),
        simulated=bool(row["simulated"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        stop_reason=row["stop_reason"],
        iteration=row["iteration"],
        rollouts=row["rollouts"],
        seed_score=row["seed_score"],
        best_score=row["best_score"],
        best_candidate_id=row["best_candidate_id"],
        best_prompt=row["best_prompt"],
        best_prompts=json.loads(row["best_prompts"] or "{}"),
        error_code=row["error_code"],
        error_message=row["error_message"],
        result=json.loads(row["result"]) if row["result"] else None,
        last_event_id=row["last_event_id"],
        owner_epoch=row["owner_epoch"],
        paused_s=row["paused_s"],
        comparison_id=row["comparison_id"],
        drafted=row["drafted"],
    )
