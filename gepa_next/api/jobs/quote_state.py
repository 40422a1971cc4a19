"""What a quote looks like from outside."""

from pydantic import BaseModel

from gepa_next.api.edge.wiring import Roles
from gepa_next.api.jobs.costs import models_of, price_of, unpriced, warning
from gepa_next.api.jobs.states import BudgetState, UsageState
from gepa_next.gepa.call_sizes import Sizes
from gepa_next.gepa.quote import Amount, Quote
from gepa_next.gepa.smallest_gain import smallest_gain
from gepa_next.gepa.types import CallUsage, Role
from gepa_next.models import JobSpec


class TokensState(BaseModel):
    """Tokens of one call."""

    input_tokens: int
    output_tokens: int


class PriceState(BaseModel):
    """USD per million tokens."""

    input: float
    output: float


class RoleCallState(BaseModel):
    """The model of a role, its price, and how long its calls are taken to be."""

    model_id: str
    price: PriceState | None
    expected: TokensState
    most: TokensState


class SmallestGainState(BaseModel):
    """The smallest mean paired difference that could reach 95 % on the held-out examples."""

    n: int
    zero_or_one: float | None
    graded: float | None
    assumed_sd: float
    reason: str | None


class WarningState(BaseModel):
    """What may go otherwise than the value at the path says."""

    path: str
    message: str


class QuoteState(BaseModel):
    """What a job would take; no call is repeated in it."""

    expected: UsageState
    most: UsageState
    limited_by: str | None
    per_call: dict[str, RoleCallState]
    iterations: int
    split: dict[str, int]
    budget: BudgetState
    smallest_gain: SmallestGainState
    unpriced_models: list[str]
    warnings: list[WarningState]
    simulated: bool


def quote_state(roles: Roles, spec: JobSpec, found: Quote) -> QuoteState:
    """Return the answer to a request for a quote."""
    said = warning(roles, spec)
    return QuoteState.model_validate(
        {
            "expected": _usage_state(found.expected),
            "most": _usage_state(found.most),
            "limited_by": found.limited_by,
            "per_call": {
                str(role): _role_call(roles, role, model_id, found) for role, model_id in _called(roles, spec)
            },
            "iterations": spec.iterations,
            "split": {"train": spec.split.train, "val": spec.split.validation, "test": spec.split.test},
            "budget": spec.budget,
            "smallest_gain": smallest_gain(spec.split.test),
            "unpriced_models": list(dict.fromkeys(unpriced(roles, spec).values())),
            "warnings": [{"path": "budget.max_cost_usd", "message": said}] if said else [],
            "simulated": roles.simulated,
        },
        from_attributes=True,
    )


def _called(roles: Roles, spec: JobSpec) -> list[tuple[Role, str]]:
    return list(models_of(roles, spec).items())


def _role_call(roles: Roles, role: Role, model_id: str, found: Quote) -> dict[str, object]:
    return {
        "model_id": model_id,
        "price": price_of(roles, model_id),
        "expected": _tokens(found.expected_sizes, role),
        "most": _tokens(found.largest_sizes, role),
    }


def _tokens(sizes: Sizes, role: Role) -> dict[str, int]:
    return {"input_tokens": sizes[role].input_tokens, "output_tokens": sizes[role].output_tokens}


def _usage_state(amount: Amount) -> dict[str, object]:
    by_role = {str(role): _usage(usage) for role, usage in amount.by_role.items()}
    return {**_usage(amount.total), "rollouts": amount.rollouts, "by_role": by_role}


def _usage(usage: CallUsage) -> dict[str, object]:
    return {
        "calls": usage.sends,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
    }
