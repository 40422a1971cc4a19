"""What a visitor may ask of a job on its page, as plain forms: stop, cancel, resume under other limits, pin."""

import time
from collections.abc import Callable

from flask import Blueprint, Response, make_response, redirect

from gepa_next.api.edge.auth import token_id
from gepa_next.api.edge.quotas import quota
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.jobs.actions import resumed
from gepa_next.api.jobs.optimize import validated
from gepa_next.api.jobs.schemas import PinBody, ResumeBody
from gepa_next.api.pins.pinning import new_version
from gepa_next.api.pins.pins import checked_name
from gepa_next.errors import NotFoundError, RefusedError
from gepa_next.models import Job
from gepa_next.store.jobs import get_job
from gepa_next.store.pins import pin_version
from gepa_next.store.requests import cancel_job, stop_job
from gepa_next.web.admission import error_page, page
from gepa_next.web.forms.drafts import Form
from gepa_next.web.forms.fields import CANDIDATE, ITERATIONS, LIMITS, put, read_fields
from gepa_next.web.forms.form import read_form
from gepa_next.web.job_page import job_page, limit_texts

bp = Blueprint("asking", __name__, url_prefix="/jobs")
bp.register_error_handler(RefusedError, error_page)


@bp.post("/<job_id>/stop")
@page
def stop(job_id: str) -> Response:
    """Have the job end soon, and show it."""
    return _done(job_id, lambda: stop_job(wiring().database, job_id, token_id=token_id(), now=time.time()))


@bp.post("/<job_id>/cancel")
@page
def cancel(job_id: str) -> Response:
    """Cancel the job, and show it."""
    return _done(job_id, lambda: cancel_job(wiring().database, job_id, token_id=token_id(), now=time.time()))


@bp.post("/<job_id>/resume")
@page
def resume(job_id: str) -> Response:
    """Have the job go on under the limits of the form, and show it."""
    form = read_form()
    job = get_job(wiring().database, job_id, token_id=token_id())
    return _done(job_id, lambda: resumed(job_id, validated(ResumeBody, changed_limits(job, form))))


@bp.post("/<job_id>/pin")
@page
def pin(job_id: str) -> Response:
    """Pin the candidate of the form under its name, and show the job."""
    form = read_form()

    def pinned() -> None:
        name = checked_name(form.get("name", "").strip())
        body = validated(PinBody, {"job_id": job_id, **read_fields(form, [CANDIDATE])})
        database = wiring().database
        version = new_version(database, token_id(), name, body)
        pin_version(database, token_id(), version, seen=None, quota=quota())

    return _done(job_id, pinned)


def changed_limits(job: Job, form: Form) -> dict[str, object]:
    """Return the limits of the form that are not as in the job; one that is emptied is taken away."""
    before = limit_texts(job)
    changed = [each for each in (ITERATIONS, *LIMITS) if form.get(each.name, "").strip() != before[each.name]]
    body = read_fields(form, changed)
    emptied = [each.name for each in changed if each in LIMITS and not form.get(each.name, "?").strip()]
    for name in emptied:
        put(body, name, None)
    return body


def _done(job_id: str, ask: Callable[[], object]) -> Response:
    """Do what is asked and go to the page of the job, or say on it why that is refused."""
    try:
        ask()
    except NotFoundError:
        raise
    except RefusedError as error:
        return job_page(job_id, refused=error)
    return make_response(redirect(f"/jobs/{job_id}", 303))
