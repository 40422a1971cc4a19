"""Quotes over HTTP: what a job would take, before it is made."""

from flask import Blueprint, Response, jsonify

from gepa_next.api.edge.auth import needs
from gepa_next.api.edge.paging import refuse_unknown
from gepa_next.api.edge.wiring import Roles, Wiring, wiring
from gepa_next.api.jobs.costs import models_of, price_of
from gepa_next.api.jobs.optimize import asked_for, read_body
from gepa_next.api.jobs.quote_state import quote_state
from gepa_next.api.jobs.schemas import OptimizeBody
from gepa_next.gepa.quote import CostOf, Quote, quote
from gepa_next.gepa.types import Example, Role
from gepa_next.llm.pricing import FREE
from gepa_next.metrics import asks_judge
from gepa_next.models import JobSpec
from gepa_next.store.forks import scored_examples

bp = Blueprint("quotes", __name__, url_prefix="/v1/optimize")


@bp.post("/quote")
@needs("read")
def create() -> Response:
    """Return what the job of this body would take; nothing is stored and no model is asked."""
    refuse_unknown("iterations")
    roles = wiring().roles
    spec, examples = asked_for(wiring(), read_body(OptimizeBody))
    return jsonify(quote_state(roles, spec, quoted(wiring(), spec, examples)).model_dump(mode="json"))


def quoted(parts: Wiring, spec: JobSpec, examples: tuple[Example, ...]) -> Quote:
    """Return what a job of this spec would take; what a fork shares is not made again."""
    shared = scored_examples(parts.database, spec.fork) if spec.fork and spec.fork.shares else {}
    return quote(
        spec.task(examples),
        judged=asks_judge(spec.metric),
        cost_of=_cost_of(parts.roles, spec),
        seeded=shared.get(0, frozenset()),
        tries_heir=spec.fork is not None and spec.fork.heir is not None and not spec.fork.shares,
    )


def _cost_of(roles: Roles, spec: JobSpec) -> CostOf:
    prices = {role: price_of(roles, model_id) for role, model_id in models_of(roles, spec).items()}
    prices |= {Role.TARGET: FREE} if spec.program_url else {}  # what it spends itself is not known here

    def cost_usd(role: Role, input_tokens: int, output_tokens: int) -> float | None:
        price = prices[role]
        return None if price is None else price.cost_usd(input_tokens=input_tokens, output_tokens=output_tokens)

    return cost_usd
