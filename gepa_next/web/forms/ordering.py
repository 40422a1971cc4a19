"""The pages on which jobs are ordered: a new job, or a comparison of models, and a fork of a job."""

from collections.abc import Mapping

from flask import Blueprint, Response, request

from gepa_next.api.edge.auth import needs, token_id
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.jobs.metric_shapes import SHAPES
from gepa_next.errors import RefusedError
from gepa_next.models import Job
from gepa_next.store.jobs import get_job
from gepa_next.web.admission import error_page, page
from gepa_next.web.forms.drafts import Form, job_body, rows
from gepa_next.web.forms.fields import CANDIDATE, FORK, JOB, OTHERS, PARAMETERS, WEIGHT, Field, read_fields
from gepa_next.web.forms.form import OrderForm, answer, read_form, show
from gepa_next.web.forms.orders import Order, ordered_fork, ordered_jobs

bp = Blueprint("ordering", __name__)
bp.register_error_handler(RefusedError, error_page)


@bp.get("/new")
@page
def new() -> Response:
    """Show the form for a new job."""
    return show(_new_form({}), {"target_model_id": wiring().roles.target_default})


@bp.post("/new")
@page
@needs("read")
def order() -> Response:
    """Quote the job that the form asks for, or make it, which takes the scope to write."""
    form = read_form()
    return answer(_new_form(form), form)


@bp.get("/jobs/<job_id>/fork")
@page
def fork(job_id: str) -> Response:
    """Show the form for a fork of a job."""
    return show(_fork_form(_job(job_id)), {CANDIDATE.name: request.args.get(CANDIDATE.name, "")})


@bp.post("/jobs/<job_id>/fork")
@page
@needs("read")
def order_fork(job_id: str) -> Response:
    """Quote the fork that the form asks for, or make it, which takes the scope to write."""
    return answer(_fork_form(_job(job_id)), read_form())


def _new_form(form: Form) -> OrderForm:
    labels = {"examples": "Examples", **_labels((*JOB, OTHERS)), **_labels_of_rows(form)}
    shown = {"fields": _by_name((*JOB, OTHERS)), "metrics": list(SHAPES), "parameters": PARAMETERS, "weight": WEIGHT}
    return OrderForm("new.html", labels, _ordered, {**shown, "most_iterations": wiring().limits.iterations})


def _ordered(form: Form) -> Order:
    others = read_fields(form, [OTHERS]).get(OTHERS.name, [])
    return ordered_jobs(job_body(form), others if isinstance(others, list) else [])


def _labels_of_rows(form: Form) -> Mapping[str, str]:
    """Return the labels of what there is for each metric and each component."""
    labels: dict[str, str] = {}
    for number in range(1 + len(rows(form, "metric", "name"))):
        of_metric = {"name": "Scored by"} | _labels((*(each for some in PARAMETERS.values() for each in some), WEIGHT))
        labels |= {f"metric.{number}.{name}": label for name, label in of_metric.items()}
    for number in range(1 + len(rows(form, "component", "name"))):
        labels |= {f"component.{number}.name": "Component", f"component.{number}.text": "Prompt of the component"}
    return labels


def _fork_form(job: Job) -> OrderForm:
    def ordered(form: Form) -> Order:
        return ordered_fork(job, read_fields(form, FORK))

    shown = {"fields": _by_name(FORK), "job": job, "is_program": job.spec.program_url is not None}
    return OrderForm("fork.html", _labels(FORK), ordered, shown)


def _labels(fields: tuple[Field, ...]) -> dict[str, str]:
    return {each.name: each.label for each in fields}


def _by_name(fields: tuple[Field, ...]) -> dict[str, Field]:
    return {each.name: each for each in fields}


def _job(job_id: str) -> Job:
    return get_job(wiring().database, job_id, token_id=token_id())
