"""The page of a comparison of models: what became of each, and which champions really differ."""

from flask import Blueprint, Response

from gepa_next.api.auth import token_id
from gepa_next.api.comparison_states import comparison_state
from gepa_next.api.wiring import wiring
from gepa_next.errors import NotFoundError, RefusedError
from gepa_next.store.jobs import list_compared_jobs
from gepa_next.web.admission import error_page, page, render

bp = Blueprint("comparing", __name__)
bp.register_error_handler(RefusedError, error_page)


@bp.get("/comparisons/<comparison_id>")
@page
def comparison(comparison_id: str) -> Response:
    """Show the table of the comparison."""
    database = wiring().database
    jobs = list_compared_jobs(database, comparison_id, token_id=token_id())
    if not jobs:
        raise NotFoundError("there is no such comparison")
    state = comparison_state(database, comparison_id, jobs).model_dump(mode="json")
    return render("comparison.html", comparison=state, prompt=jobs[0].spec.prompt)
