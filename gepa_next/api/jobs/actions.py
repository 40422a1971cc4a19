"""What a user may ask of a job that exists: cancel, stop, resume."""

import time

from flask import Blueprint, Response

from gepa_next.api.edge.auth import token_id
from gepa_next.api.edge.body import has_body, read_json
from gepa_next.api.edge.paging import refuse_unknown
from gepa_next.api.edge.quotas import quota
from gepa_next.api.edge.wiring import Wiring, wiring
from gepa_next.api.jobs.costs import refuse_unknowable_cost
from gepa_next.api.jobs.optimize import state_response, validated
from gepa_next.api.jobs.raising import raised_spec, time_is_up
from gepa_next.api.jobs.schemas import ResumeBody
from gepa_next.errors import ConflictError
from gepa_next.gepa.run import DRY_LIMIT, limit_reached
from gepa_next.metrics import asks_judge, find_other_scoring
from gepa_next.models import Job, JobSpec
from gepa_next.store.evidence import list_usage
from gepa_next.store.jobs import find_standing, get_job
from gepa_next.store.requests import Resumption, cancel_job, resume_job, stop_job

bp = Blueprint("actions", __name__, url_prefix="/v1/optimize")

ACCEPTED = 202


@bp.delete("/<job_id>")
def cancel(job_id: str) -> Response:
    """Cancel the job; the second time the same."""
    refuse_unknown()
    cancel_job(wiring().database, job_id, token_id=token_id(), now=time.time())
    return state_response(get_job(wiring().database, job_id))


@bp.post("/<job_id>/stop")
def stop(job_id: str) -> Response:
    """Have the job end soon with the best so far, its final test included; again the same."""
    refuse_unknown()
    stop_job(wiring().database, job_id, token_id=token_id(), now=time.time())
    return _accepted(get_job(wiring().database, job_id))


@bp.post("/<job_id>/resume")
def resume(job_id: str) -> Response:
    """Have a terminal job go on from its checkpoint, under larger limits if the body gives them."""
    refuse_unknown()
    return _accepted(resumed(job_id, validated(ResumeBody, read_json()) if has_body() else ResumeBody()))


def resumed(job_id: str, body: ResumeBody) -> Job:
    """Put the job back into the queue and return it; RefusedError if it cannot go on, or not under these limits."""
    parts = wiring()
    job = get_job(parts.database, job_id, token_id=token_id())
    if not job.status.terminal:
        raise ConflictError("not_resumable", f"the job is {job.status}")
    if (problem := find_other_scoring(job, parts.roles.judge_model_id)) is not None:
        raise ConflictError("not_resumable", problem)
    usage = list_usage(parts.database, job_id)
    spec = raised_spec(job, body, usage, most_iterations=parts.limits.iterations)
    if body.budget.max_cost_usd is not None:
        refuse_unknowable_cost(parts.roles, spec)
    _refuse_if_nothing_is_left(parts, job, spec)
    resumption = Resumption(
        job_id=job.id, spec=spec, seen_event_id=job.last_event_id, token_id=job.token_id, quota=quota()
    )
    resume_job(parts.database, resumption, now=time.time())
    return get_job(parts.database, job_id)


def _refuse_if_nothing_is_left(parts: Wiring, job: Job, spec: JobSpec) -> None:
    standing = find_standing(parts.database, job.id)
    if standing is None:
        return  # its ending is left, if nothing else
    reached = limit_reached(standing, spec.task(()), asks_judge=asks_judge(spec.metric))
    reached = reached or ("max_seconds" if time_is_up(job, spec) else None)
    if reached is not None:
        raise ConflictError("not_resumable", f"nothing is left to do: {reached}; {_what_helps(reached, spec)}")


def _what_helps(reached: str, spec: JobSpec) -> str:
    if reached == "stalled":
        return f"no proposal of {DRY_LIMIT} iterations was worth running; a new job with more or other examples may do"
    if reached == "target_score" and spec.budget.target_score == 1:
        return "the best prompt has the highest score there is"
    return f"raise {reached if reached == 'iterations' else f'budget.{reached}'}"


def _accepted(job: Job) -> Response:
    response = state_response(job)
    response.status_code = ACCEPTED
    return response
