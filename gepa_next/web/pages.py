"""The pages that show: all jobs, one job."""

from flask import Blueprint, Response, make_response, redirect, request

from gepa_next.api.edge.auth import open_route, token_id
from gepa_next.api.edge.paging import cursor, encode_cursor
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.jobs.optimize import asked_status
from gepa_next.api.jobs.states import job_state
from gepa_next.errors import RefusedError
from gepa_next.models import Job, JobStatus
from gepa_next.store.evidence import list_usage
from gepa_next.store.jobs import list_jobs
from gepa_next.web import words
from gepa_next.web.admission import error_page, page, refused_page, render
from gepa_next.web.job_page import job_page
from gepa_next.web.scores import scores_of

bp = Blueprint("pages", __name__)
bp.register_error_handler(RefusedError, error_page)
for each in (*words.FILTERS, scores_of):
    bp.add_app_template_filter(each, each.__name__)

JOBS_A_PAGE = 50
BEGINNING = 120
REFUSED = 400


@bp.get("/")
@page
def jobs() -> Response:
    """Show a page of this visitor's jobs, newest first."""
    status = asked_status()
    before = cursor(float, str)
    found = list_jobs(
        wiring().database,
        token_id=token_id(),
        status=status,
        limit=JOBS_A_PAGE + 1,
        before=(float(before[0]), str(before[1])) if before else None,
    )
    shown = found[:JOBS_A_PAGE]
    return render(
        "jobs.html",
        rows=[{"state": _state(job), "prompt": job.spec.prompt[:BEGINNING]} for job in shown],
        more=encode_cursor(shown[-1].created_at, shown[-1].id) if len(found) > JOBS_A_PAGE else None,
        only=status,
        statuses=list(JobStatus),
        first="cursor" not in request.args,
    )


@bp.get("/jobs", strict_slashes=False)
@open_route
def jobs_by_name() -> Response:
    """Lead who guesses the address to the list of jobs."""
    return make_response(redirect("/"))


@bp.get("/jobs/<job_id>")
@page
def job(job_id: str) -> Response:
    """Show one job as it stands; its scripts take over from there."""
    return job_page(job_id)


@bp.after_app_request
def worded(answer: Response) -> Response:
    """Have whoever looks with a browser at an address that is not the API's read errors on a page."""
    if answer.status_code < REFUSED or not answer.is_json or request.path.startswith("/v1/"):
        return answer
    return refused_page(answer) if "text/html" in request.headers.get("Accept", "") else answer


def _state(found: Job) -> dict[str, object]:
    return job_state(found, list_usage(wiring().database, found.id)).model_dump(mode="json")
