"""What is known beforehand of the cost of a job's models."""

from gepa_next.api.edge.wiring import Roles
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.gepa.types import Role
from gepa_next.llm.pricing import FREE, Price
from gepa_next.metrics import asks_judge
from gepa_next.models import JobSpec


def models_of(roles: Roles, spec: JobSpec) -> dict[Role, str]:
    """Return the models that the job calls.

    There is no judge where metrics alone score, no target where it is a program, and no reflector in a re-test.
    """
    called = {} if spec.program_url else {Role.TARGET: spec.target_model_id}
    called |= {Role.JUDGE: roles.judge_model_id} if asks_judge(spec.metric) else {}
    return called | ({} if spec.retest else {Role.REFLECTOR: roles.reflector_model_id})


def price_of(roles: Roles, model_id: str) -> Price | None:
    """Return the model's price in the operator's table; what is simulated is free."""
    return FREE if roles.simulated else roles.prices.by_model.get(model_id)


def refuse_unknowable_cost(roles: Roles, spec: JobSpec) -> None:
    """Raise InvalidError for a limit in USD where it is certain that it could not be kept."""
    silent = [model_id for role, model_id in unpriced(roles, spec).items() if roles.states_cost[role] is False]
    if spec.budget.max_cost_usd is not None and silent:
        raise invalid(
            "budget.max_cost_usd",
            f"cannot be kept: MODEL_PRICES has no price of {_listed(silent)}, and the provider does not state"
            " what a call costs",
        )


def warning(roles: Roles, spec: JobSpec) -> str | None:
    """Return what may become of a limit in USD where it is not known whether it can be kept, else None."""
    doubtful = [model_id for role, model_id in unpriced(roles, spec).items() if roles.states_cost[role] is None]
    if spec.budget.max_cost_usd is None or not doubtful:
        return None
    return (
        f"MODEL_PRICES has no price of {_listed(doubtful)}: if the provider does not state what a call costs either,"
        " the limit cannot be kept, and the job fails with unknown_price"
    )


def unpriced(roles: Roles, spec: JobSpec) -> dict[Role, str]:
    """Return the job's models that have no price, by role."""
    return {role: each for role, each in models_of(roles, spec).items() if price_of(roles, each) is None}


def _listed(model_ids: list[str]) -> str:
    return ", ".join(dict.fromkeys(model_ids))
