"""Jobs over HTTP: create, read, list."""

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TypeVar

from flask import Blueprint, Response, current_app, jsonify, request
from pydantic import BaseModel, ValidationError

from gepa_next.api.edge.answers import CompleteResponse
from gepa_next.api.edge.asked import asked
from gepa_next.api.edge.auth import token_id
from gepa_next.api.edge.body import read_json
from gepa_next.api.edge.paging import cursor, encode_cursor, limit, number, refuse_unknown
from gepa_next.api.edge.quotas import quota
from gepa_next.api.edge.wiring import Wiring, wiring
from gepa_next.api.edge.wrong_values import invalid, said_of
from gepa_next.api.jobs.costs import refuse_unknowable_cost
from gepa_next.api.jobs.intake import chosen_iterations, complete_spec, distinct_examples
from gepa_next.api.jobs.programs import refuse_wrong_program
from gepa_next.api.jobs.schemas import OptimizeBody, TaskBody
from gepa_next.api.jobs.states import JobPage, job_state, job_url
from gepa_next.errors import InvalidError, UnavailableError
from gepa_next.gepa.types import Example
from gepa_next.metrics import scoring_fingerprint
from gepa_next.models import Job, JobSpec, JobStatus, JobVersion, Usage
from gepa_next.store.bank import list_examples
from gepa_next.store.evidence import list_usage
from gepa_next.store.jobs import get_job, get_version, list_jobs
from gepa_next.store.new_jobs import NewJob, find_replayed, insert_job

bp = Blueprint("optimize", __name__, url_prefix="/v1/optimize")

RETRY_AFTER_S = 2
NOT_MODIFIED = 304
MOST_DETAILS = 100
KEY = re.compile(r"[!-~]{1,255}")
Shape = TypeVar("Shape", bound=BaseModel)
Task = TypeVar("Task", bound=TaskBody)


@bp.post("")
def create() -> Response:
    """Store a job, or return the one that the same request made before."""
    refuse_unknown("iterations")
    parts = wiring()
    refuse_while_draining(parts)
    body = read_body(OptimizeBody)
    digest = digest_of(body.model_dump(mode="json")) if _idempotency_key() else ""  # which nothing else asks for
    return created_once(parts, digest, lambda: new_job(parts, digest, *asked_for(parts, body)))


def refuse_while_draining(parts: Wiring) -> None:
    """Raise UnavailableError if no job may be made any more."""
    if parts.draining.is_set():
        raise UnavailableError("shutting_down", "the server is shutting down; try again")


def created_once(parts: Wiring, digest: str, new: Callable[[], NewJob]) -> Response:
    """Return the job that the same request made before, or else store the new one, which may read the bank."""
    if (earlier := replayed(parts, digest)) is not None:
        return _made_before(parts, earlier)
    asked = new()
    job_id, created = insert_job(parts.database, asked)
    if not created:
        return _made_before(parts, job_id)
    response = _response_of(asked.queued, usage=())  # what was just stored need not be read back
    response.status_code = 201
    response.headers["Location"] = job_url(job_id)
    return response


def _made_before(parts: Wiring, job_id: str) -> Response:
    response = state_response(get_job(parts.database, job_id))
    response.headers["Location"] = job_url(job_id)
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
        status=asked_status(),
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
    parts = wiring()
    version = get_version(parts.database, job_id, token_id=token_id())
    headers = _headers_of(version)
    if _is_known(version):
        return CompleteResponse(status=NOT_MODIFIED, headers=headers)
    return CompleteResponse(_state_of(parts, job_id, version), headers={"Content-Type": "application/json", **headers})


def _is_known(version: JobVersion) -> bool:
    """Say whether the request comes from somebody who has the state of that version."""
    asking = asked()
    return "HTTP_IF_NONE_MATCH" in asking.environ and asking.if_none_match.contains_weak(version.tag)


def _state_of(parts: Wiring, job_id: str, version: JobVersion) -> bytes:
    """Return the job's state, rendered anew if the job is another than the last time."""
    if (known := parts.rendered.find(job_id, version)) is not None:
        return known
    state = job_state(get_job(parts.database, job_id), list_usage(parts.database, job_id))
    body = current_app.json.dumps(state.model_dump(mode="json")).encode() + b"\n"
    parts.rendered.keep(job_id, version, body)
    return body


def validated(shape: type[Shape], value: object) -> Shape:
    """Return the body in its shape; InvalidError lists wrong values with their paths, a hundred at most."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        details = [
            (".".join(str(part) for part in each["loc"]), said_of(each))
            for each in error.errors(include_input=False, include_url=False)[:MOST_DETAILS]
        ]
        raise InvalidError("the request is not valid", details) from None


def read_body(shape: type[Task]) -> Task:
    """Return the request's body with the iterations of the query; InvalidError if it cannot be used."""
    body, most = validated(shape, read_json()), wiring().limits.iterations
    in_query = number("iterations", smallest=1, largest=most)
    return body.model_copy(update={"iterations": chosen_iterations(body.iterations, in_query, most=most)})


def replayed(parts: Wiring, digest: str) -> str | None:
    """Return the job that the same request made before, None if there is none; InvalidError if it was another."""
    key = _idempotency_key()
    if key is None:
        return None
    oldest = time.time() - parts.limits.idempotency_ttl_s
    return find_replayed(parts.database, token_id=token_id(), key=key, body_sha256=digest, oldest=oldest)


def asked_for(parts: Wiring, body: OptimizeBody) -> tuple[JobSpec, tuple[Example, ...]]:
    """Return what the body asks for, the bank's examples included; InvalidError if it cannot be had."""
    refuse_wrong_program(body, parts.programs)
    given = distinct_examples(body.examples)
    examples = (*given, *_banked(parts, body, given))
    spec = complete_spec(
        body,
        examples,
        target_default=parts.roles.target_default,
        simulated=parts.roles.simulated,
    )
    refuse_unknowable_cost(parts.roles, spec)
    return spec, examples


def new_job(parts: Wiring, digest: str, spec: JobSpec, examples: tuple[Example, ...]) -> NewJob:
    """Return a job of this token's, of a request with that digest, about to be stored."""
    return NewJob(
        id=secrets.token_urlsafe(9).replace("-", "_"),  # a command line takes what begins with - for an option
        token_id=token_id(),
        spec=spec,
        examples=examples,
        judge=parts.roles.judge(scoring_fingerprint(spec, parts.roles.judge_model_id)),
        simulated=parts.roles.simulated,
        created_at=time.time(),
        body_sha256=digest,
        idempotency_key=_idempotency_key(),
        idempotency_ttl_s=parts.limits.idempotency_ttl_s,
        most_queued=parts.limits.queued_jobs,
        quota=quota(),
        request_id=asked().request_id,
    )


def digest_of(asked: Mapping[str, object]) -> str:
    """Return a hash of what is asked for; the order of keys, also within metadata, is not part of it."""
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _banked(parts: Wiring, body: OptimizeBody, given: Sequence[Example]) -> list[Example]:
    """Return the examples drawn from the bank, each once, without those that the body brings itself."""
    if body.bank is None:
        return []
    brought = {each.id for each in given}
    drawn = list_examples(parts.database, token_id(), tags=body.bank.tags, limit=body.bank.limit, after=None)
    found = {(each.example.input, each.example.ideal): each.example for each in reversed(drawn)}
    for each in given:
        found.pop((each.input, each.ideal), None)
    return [each for each in reversed(found.values()) if each.id not in brought]


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise invalid("Idempotency-Key", "1 to 255 visible ASCII characters")
    return key


def asked_status() -> JobStatus | None:
    """Return the only status that is asked for, None for all; InvalidError if there is no such."""
    text = request.args.get("status")
    if text is None:
        return None
    if text not in list(JobStatus):
        raise invalid("status", f"one of {', '.join(JobStatus)}")
    return JobStatus(text)


def state_response(job: Job) -> Response:
    """Return the job's state, with the headers that every answer with it has."""
    return _response_of(job, list_usage(wiring().database, job.id))


def _response_of(job: Job, usage: Sequence[Usage]) -> Response:
    body = job_state(job, usage).model_dump_json() + "\n"
    return Response(body, headers=_headers_of(version_of(job, usage)), content_type="application/json")


def version_of(job: Job, usage: Sequence[Usage]) -> JobVersion:
    """Return how far the job's state has come."""
    calls = sum(each.calls for each in usage)
    return JobVersion(job.owner_epoch, job.last_event_id, calls, job.status, job.updated_at)


def _headers_of(version: JobVersion) -> dict[str, str]:
    """Return the headers of an answer about the job at that version."""
    headers = {"ETag": f'W/"{version.tag}"'}
    if not version.status.terminal:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return headers
