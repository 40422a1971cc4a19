"""Comparisons of targets over HTTP: one request, a job for each model, and a table of what they came to."""

import secrets
import time
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

from flask import Blueprint, Response, jsonify, request

from gepa_next.api.comparisons.shapes import ComparisonBody
from gepa_next.api.comparisons.states import comparison_state, comparison_url, quotes_state, status_of
from gepa_next.api.edge.auth import needs, token_id
from gepa_next.api.edge.paging import refuse_unknown
from gepa_next.api.edge.wiring import Wiring, wiring
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.api.jobs.costs import refuse_unknowable_cost
from gepa_next.api.jobs.intake import refuse_simulator
from gepa_next.api.jobs.optimize import (
    RETRY_AFTER_S,
    asked_for,
    digest_of,
    new_job,
    read_body,
    refuse_while_draining,
    replayed,
    version_of,
)
from gepa_next.api.jobs.quote_state import quote_state
from gepa_next.api.jobs.quotes import quoted
from gepa_next.errors import ConflictError, InvalidError, NotFoundError
from gepa_next.gepa.types import Example
from gepa_next.models import Job, JobSpec, JobStatus
from gepa_next.store.evidence import list_usage
from gepa_next.store.jobs import get_job, list_compared_jobs
from gepa_next.store.new_jobs import NewJob, insert_job
from gepa_next.store.requests import cancel_job

bp = Blueprint("comparisons", __name__, url_prefix="/v1/comparisons")


@bp.post("")
def create() -> Response:
    """Store a job for each model, or return the comparison that the same request made before."""
    refuse_unknown("iterations")
    parts = wiring()
    refuse_while_draining(parts)
    body = read_body(ComparisonBody)
    digest = digest_of({"comparison": body.model_dump(mode="json")})
    earlier = replayed(parts, digest)
    job_id, created = (earlier, False) if earlier else insert_job(parts.database, *_new_jobs(parts, digest, body))
    comparison_id = get_job(parts.database, job_id).comparison_id or ""
    response = _answer(comparison_id, get_compared_jobs(comparison_id))
    response.headers["Location"] = comparison_url(comparison_id)
    if created:
        response.status_code = 201
    else:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@bp.post("/quote")
@needs("read")
def quote() -> Response:
    """Return what the comparison of this body would take; nothing is stored and no model is asked."""
    refuse_unknown("iterations")
    specs, examples = asked_of_comparison(wiring(), read_body(ComparisonBody))
    quotes = [
        (spec.target_model_id, quote_state(wiring().roles, spec, quoted(wiring(), spec, examples))) for spec in specs
    ]
    return jsonify(quotes_state(quotes).model_dump(mode="json"))


@bp.get("/<comparison_id>")
def read(comparison_id: str) -> Response:
    """Return the table, or 304."""
    refuse_unknown()
    response = _answer(comparison_id, get_compared_jobs(comparison_id))
    response.make_conditional(request)
    return response


@bp.delete("/<comparison_id>")
def cancel(comparison_id: str) -> Response:
    """Cancel each of its jobs that has not ended; the second time the same."""
    refuse_unknown()
    cancel_compared_jobs(comparison_id)
    return _answer(comparison_id, get_compared_jobs(comparison_id))


def cancel_compared_jobs(comparison_id: str) -> None:
    """Cancel each job of the comparison that has not ended; ConflictError if all have ended otherwise."""
    for job in get_compared_jobs(comparison_id):
        with suppress(ConflictError):  # it has ended meanwhile
            cancel_job(wiring().database, job.id, token_id=token_id(), now=time.time())
    jobs = get_compared_jobs(comparison_id)
    if not any(job.status is JobStatus.CANCELLED for job in jobs):
        raise ConflictError("not_cancelable", f"all its jobs have ended; the comparison is {status_of(jobs)}")


def get_compared_jobs(comparison_id: str) -> list[Job]:
    """Return the jobs of this token's comparison; NotFoundError if there are none."""
    found = list_compared_jobs(wiring().database, comparison_id, token_id=token_id())
    if not found:
        raise NotFoundError("there is no such comparison")
    return found


def _answer(comparison_id: str, jobs: list[Job]) -> Response:
    database = wiring().database
    response = jsonify(comparison_state(database, comparison_id, jobs).model_dump(mode="json"))
    versions = [version_of(job, list_usage(database, job.id)).tag for job in jobs]
    response.set_etag(sha256(" ".join(versions).encode()).hexdigest()[:16], weak=True)
    if not all(job.status.terminal for job in jobs):
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _new_jobs(parts: Wiring, digest: str, body: ComparisonBody) -> list[NewJob]:
    specs, examples = asked_of_comparison(parts, body)
    return compared([new_job(parts, digest, spec, examples) for spec in specs])


def compared(jobs: list[NewJob]) -> list[NewJob]:
    """Return the jobs as those of one comparison, of which the first stands for the request."""
    comparison_id = secrets.token_urlsafe(9).replace("-", "_")  # as those of jobs
    made = [replace(each, comparison_id=comparison_id, place=place) for place, each in enumerate(jobs)]
    return [made[0], *(replace(each, idempotency_key=None) for each in made[1:])]


def asked_of_comparison(parts: Wiring, body: ComparisonBody) -> tuple[list[JobSpec], tuple[Example, ...]]:
    """Return a spec for each model, the same in all else, and the examples; InvalidError if they cannot be had."""
    for place, model_id in enumerate(body.target_model_ids):
        try:
            refuse_simulator(model_id, simulated=parts.roles.simulated)
        except InvalidError as error:
            raise invalid(f"target_model_ids.{place}", error.details[0][1]) from None
    first, examples = asked_for(parts, body.job(body.target_model_ids[0]))
    if not examples:
        raise invalid("examples", "a comparison needs examples or a bank: drafted ones would not be the same for all")
    specs = [replace(first, target_model_id=model_id) for model_id in body.target_model_ids]
    for spec in specs:
        refuse_unknowable_cost(parts.roles, spec)
    return specs, examples
