"""Quotes over HTTP: what a job would take, before it is made."""

from flask import Blueprint, Response, jsonify

from gepa_next.api.costs import models_of, price_of
from gepa_next.api.optimize import asked_for, read_body
from gepa_next.api.paging import refuse_unknown
from gepa_next.api.quote_state import quote_state
from gepa_next.api.wiring import Roles, wiring
from gepa_next.gepa.quote import CostOf, quote
from gepa_next.gepa.types import Role
from gepa_next.llm.pricing import FREE
from gepa_next.metrics import asks_judge
from gepa_next.models import JobSpec

bp = Blueprint("quotes", __name__, url_prefix="/v1/optimize")


@bp.post("/quote")
def create() -> Response:
    """Return what the job of this body would take; nothing is stored and no model is asked."""
    refuse_unknown("iterations")
    roles = wiring().roles
    spec, examples = asked_for(wiring(), read_body())
    found = quote(spec.task(examples), judged=asks_judge(spec.metric), cost_of=_cost_of(roles, spec))
    return jsonify(quote_state(roles, spec, found).model_dump(mode="json"))


def _cost_of(roles: Roles, spec: JobSpec) -> CostOf:
    prices = {role: price_of(roles, model_id) for role, model_id in models_of(roles, spec).items()}
    prices |= {Role.TARGET: FREE} if spec.program_url else {}  # what it spends itself is not known here

    def cost_usd(role: Role, input_tokens: int, output_tokens: int) -> float | None:
        price = prices[role]
        return None if price is None else price.cost_usd(input_tokens=input_tokens, output_tokens=output_tokens)

    return cost_usd
