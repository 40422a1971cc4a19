"""Jobs: look-up."""

import json

from gepa_next.errors import NotFoundError
from gepa_next.gepa.run import Standing
from gepa_next.models import Job, JobStatus, JobVersion, Judge
from gepa_next.store.codec import noise_from_json, spec_from_json, standing_from_json
from gepa_next.store.database import Database, Row

_COLUMNS = """
    jobs.id, token_id, status, spec, judge_model_id, judge_fingerprint, judge_noise, simulated, created_at, updated_at,
    started_at, finished_at, stop_reason, jobs.iteration, rollouts, seed_score, best_score, best_candidate_id,
    error_code, error_message, result, last_event_id, owner_epoch, paused_s, drafted, comparison_id,
    (SELECT text FROM candidates WHERE job_id = jobs.id AND candidates.id = best_candidate_id) AS best_prompt,
    (SELECT prompts FROM candidates WHERE job_id = jobs.id AND candidates.id = best_candidate_id) AS best_prompts
"""


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
