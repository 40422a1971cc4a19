"""What becomes a version: a candidate of a job, with what is known of it."""

import time

from gepa_next.api.edge.wrong_values import invalid
from gepa_next.api.jobs.schemas import PinBody
from gepa_next.errors import ConflictError
from gepa_next.gepa.types import Candidate, Decision
from gepa_next.models import Job, PinnedVersion
from gepa_next.store.database import Database
from gepa_next.store.evidence import find_candidate
from gepa_next.store.jobs import get_job


def new_version(database: Database, token_id: str, name: str, body: PinBody) -> PinnedVersion:
    """Return the version that the body asks for; it gets its number when it is stored.

    NotFoundError for another token's job, ConflictError without a result where no candidate is named, InvalidError for
    a candidate that there is not or that a guard refused.
    """
    job = get_job(database, body.job_id, token_id=token_id)
    if job.spec.retest is not None:
        raise ConflictError("not_pinnable", "the job is a re-test of what is pinned already; roll back instead")
    candidate_id = _returned(job) if body.candidate_id is None else body.candidate_id
    candidate, mean = _chosen(database, job, candidate_id)
    score, scored_on, verdict = _evidence(job, candidate_id, mean)
    return PinnedVersion(
        name=name,
        number=0,
        text=candidate.text,
        prompts=candidate.prompts,
        job_id=job.id,
        job_created_at=job.created_at,
        candidate_id=candidate_id,
        score=score,
        scored_on=scored_on,
        verdict=verdict,
        spec=job.spec,
        judge=job.judge,
        simulated=job.simulated,
        created_at=time.time(),
    )


def _returned(job: Job) -> int:
    if job.result is None:
        raise ConflictError("not_pinnable", f"the job is {job.status} and has no result; name a candidate_id")
    return int(str(job.result["candidate_id"]))


def _chosen(database: Database, job: Job, candidate_id: int) -> tuple[Candidate, float | None]:
    if (found := find_candidate(database, job.id, candidate_id)) is None:
        raise invalid("candidate_id", "the job has no such candidate")
    candidate, _ = found
    if candidate.decision is Decision.REFUSED:
        raise invalid("candidate_id", f"the candidate was refused before it was run: {candidate.reason}")
    return found


def _evidence(job: Job, candidate_id: int, mean: float | None) -> tuple[float | None, str | None, str | None]:
    """Return score, the split it is of, and verdict: the job's where it is its result, else the validation mean."""
    if job.result is None or job.result["candidate_id"] != candidate_id:
        return mean, None if mean is None else "validation", None
    score = job.result["score"]
    return None if score is None else float(str(score)), str(job.result["scored_on"]), str(job.result["verdict"])
