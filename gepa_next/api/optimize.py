"""Jobs over HTTP: create, read, list, cancel."""

import re
import secrets
import time
from hashlib import sha256
from typing import TypeVar

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ValidationError

from gepa_next.api.auth import token_id
from gepa_next.api.body import read_json
from gepa_next.api.intake import complete_spec, distinct_examples, invalid
from gepa_next.api.paging import cursor, encode_cursor, limit, number, refuse_unknown
from gepa_next.api.schemas import OptimizeBody
from gepa_next.api.states import JobPage, job_state, job_url
from gepa_next.api.wiring import Wiring, wiring
from gepa_next.errors import InvalidError, UnavailableError
from gepa_next.gepa.fingerprint import judge_fingerprint, metric_fingerprint
from gepa_next.gepa.types import Example
from gepa_next.metrics import JUDGE
from gepa_next.models import Job, JobSpec, JobStatus
from gepa_next.store.bank import list_examples
from gepa_next.store.endings import cancel_job
from gepa_next.store.evidence import list_usage
from gepa_next.store.jobs import NewJob, get_job, insert_job, list_jobs

bp = Blueprint("optimize", __name__, url_prefix="/v1/optimize")

RETRY_AFTER_S = 2
MOST_ITERATIONS_ASKED = 10**9
_KEY = re.compile(r"[!-~]{1,255}")
Shape = TypeVar("Shape", bound=BaseModel)


@bp.post("")
def create() -> Response:
    """Store a job, or return the one that the same request made before."""
    refuse_unknown("iterations")
    if wiring().draining.is_set():
        raise UnavailableError("shutting_down", "the server is shutting down; try again")
    body = validated(OptimizeBody, read_json())
    iterations = number("iterations", smallest=1, largest=MOST_ITERATIONS_ASKED)
    new = _new_job(wiring(), body, iterations)
    job_id, created = insert_job(wiring().database, new)
    response = _state_response(get_job(wiring().database, job_id))
    response.headers["Location"] = job_url(job_id)
    if created:
        response.status_code = 201
    else:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@bp.get("")
def index() -> Response:
    """Return a page of this token's jobs, newest first."""
    refuse_unknown("status", "limit", "cursor")
    size = limit()
    before = cursor(float, str)
    jobs = list_jobs(
        wiring().database,
        token_id=token_id(),
        status=_status(),
        limit=size + 1,
        before=(float(before[0]), str(before[1])) if before else None,
    )
    items = [job_state(job, list_usage(wiring().database, job.id)) for job in jobs[:size]]
    more = encode_cursor(items[-1].created_at, items[-1].job_id) if len(jobs) > size else None
    return jsonify(JobPage(items=items, next_cursor=more).model_dump(mode="json"))


@bp.get("/<job_id>")
def read(job_id: str) -> Response:
    """Return the job's state, or 304."""
    refuse_unknown()
    response = _state_response(get_job(wiring().database, job_id, token_id=token_id()))
    response.make_conditional(request)
    return response


@bp.delete("/<job_id>")
def cancel(job_id: str) -> Response:
    """Cancel the job; the second time the same."""
    refuse_unknown()
    cancel_job(wiring().database, job_id, token_id=token_id(), now=time.time())
    return _state_response(get_job(wiring().database, job_id))


def validated(shape: type[Shape], value: object) -> Shape:
    """Return the body in its shape; InvalidError lists every wrong value with its path."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        details = [
            (".".join(str(part) for part in each["loc"]), each["msg"])
            for each in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise InvalidError("the request is not valid", details) from None


def _new_job(parts: Wiring, body: OptimizeBody, iterations: int | None) -> NewJob:
    examples = (*distinct_examples(body.examples), *_banked(parts, body))
    spec = complete_spec(
        body,
        examples,
        iterations=iterations,
        most_iterations=parts.limits.iterations,
        target_default=parts.roles.target_default,
        simulated=parts.roles.simulated,
    )
    asked = body.model_copy(update={"iterations": spec.iterations}).model_dump_json()
    return NewJob(
        id=secrets.token_urlsafe(9),
        token_id=token_id(),
        spec=spec,
        examples=examples,
        judge=parts.roles.judge(_fingerprint(parts, spec)),
        simulated=parts.roles.simulated,
        created_at=time.time(),
        body_sha256=sha256(asked.encode()).hexdigest(),
        idempotency_key=_idempotency_key(),
        idempotency_ttl_s=parts.limits.idempotency_ttl_s,
        most_queued=parts.limits.queued_jobs,
    )


def _banked(parts: Wiring, body: OptimizeBody) -> list[Example]:
    """Return the examples drawn from the bank, without those that the body brings itself."""
    if body.bank is None:
        return []
    brought = {(each.input, each.ideal) for each in body.examples}
    ids = {each.id for each in body.examples}
    drawn = list_examples(parts.database, token_id(), tags=body.bank.tags, limit=body.bank.limit, after=None)
    found = (each.example for each in drawn)
    return [each for each in found if (each.input, each.ideal) not in brought and each.id not in ids]


def _fingerprint(parts: Wiring, spec: JobSpec) -> str:
    if spec.metric == JUDGE:
        return judge_fingerprint(parts.roles.judge_model_id, spec.rubric)
    return metric_fingerprint(spec.metric)


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise invalid("Idempotency-Key", "1 to 255 visible ASCII characters")
    return key


def _status() -> JobStatus | None:
    text = request.args.get("status")
    if text is None:
        return None
    if text not in list(JobStatus):
        raise invalid("status", f"one of {', '.join(JobStatus)}")
    return JobStatus(text)


def _state_response(job: Job) -> Response:
    usage = list_usage(wiring().database, job.id)
    response = jsonify(job_state(job, usage).model_dump(mode="json"))
    calls = sum(each.calls for each in usage)
    response.set_etag(f"{job.owner_epoch}-{job.last_event_id}-{calls}-{job.status}", weak=True)
    if not job.status.terminal:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
