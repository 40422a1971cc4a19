"""Forks over HTTP: a new job that begins with what another has come to, and what it would take."""

from flask import Blueprint, Response, jsonify

from gepa_next.api.edge.auth import needs, token_id
from gepa_next.api.edge.body import has_body, read_json
from gepa_next.api.edge.paging import refuse_unknown
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.forks.forking import asked_of_fork
from gepa_next.api.forks.shapes import ForkBody
from gepa_next.api.jobs.optimize import created_once, digest_of, new_job, refuse_while_draining, validated
from gepa_next.api.jobs.quote_state import quote_state
from gepa_next.api.jobs.quotes import quoted
from gepa_next.gepa.types import Example
from gepa_next.models import JobSpec
from gepa_next.store.jobs import get_job

bp = Blueprint("forks", __name__, url_prefix="/v1/optimize")


@bp.post("/<job_id>/fork")
def create(job_id: str) -> Response:
    """Store a job that begins with what this one has come to, or return the one that the same request made before."""
    refuse_unknown()
    parts, body = wiring(), _read_body()
    refuse_while_draining(parts)
    digest = digest_of({"fork": job_id, "body": body.model_dump(mode="json", exclude_unset=True)})
    return created_once(parts, digest, lambda: new_job(parts, digest, *_asked(job_id, body)))


@bp.post("/<job_id>/fork/quote")
@needs("read")
def quote(job_id: str) -> Response:
    """Return what the fork of this body would take; nothing is stored and no model is asked."""
    refuse_unknown()
    spec, examples = _asked(job_id, _read_body())
    return jsonify(quote_state(wiring().roles, spec, quoted(wiring(), spec, examples)).model_dump(mode="json"))


def _read_body() -> ForkBody:
    return validated(ForkBody, read_json()) if has_body() else ForkBody()


def _asked(job_id: str, body: ForkBody) -> tuple[JobSpec, tuple[Example, ...]]:
    job = get_job(wiring().database, job_id, token_id=token_id())
    return asked_of_fork(wiring(), job, body)
