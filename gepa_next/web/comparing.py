"""The page of a comparison of models: what became of each, and which champions really differ."""

from flask import Blueprint, Response, make_response, redirect

from gepa_next.api.comparisons.comparisons import cancel_compared_jobs, get_compared_jobs
from gepa_next.api.comparisons.states import comparison_state
from gepa_next.api.edge.auth import token
from gepa_next.api.edge.wiring import wiring
from gepa_next.errors import RefusedError
from gepa_next.web.admission import error_page, page, render

bp = Blueprint("comparing", __name__, url_prefix="/comparisons")
bp.register_error_handler(RefusedError, error_page)


@bp.get("/<comparison_id>")
@page
def comparison(comparison_id: str) -> Response:
    """Show the table of the comparison."""
    jobs = get_compared_jobs(comparison_id)
    state = comparison_state(wiring().database, comparison_id, jobs).model_dump(mode="json")
    return render("comparison.html", comparison=state, can_write="write" in token().scopes)


@bp.post("/<comparison_id>/cancel")
@page
def cancel(comparison_id: str) -> Response:
    """Cancel what has not ended, and show the table."""
    cancel_compared_jobs(comparison_id)
    return make_response(redirect(f"/comparisons/{comparison_id}", 303))
