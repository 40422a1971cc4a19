"""What a job that ended by itself needs to go on, as the form to resume it says."""

from collections.abc import Mapping
from types import MappingProxyType

from gepa_next.api.words import STOP_REASONS

LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "iterations": "Iterations",
        "budget.max_rollouts": "Rollouts",
        "budget.max_calls": "Calls",
        "budget.max_tokens": "Tokens",
        "budget.max_cost_usd": "USD",
        "budget.max_seconds": "Seconds",
    }
)  # the fields of the form, and their labels
GOES_ON_AS_IT_IS = "stopped"


def needs() -> dict[str, str]:
    """Return what to do by the reason why a job ended, without those after which there is nothing to do."""
    labels = {name.removeprefix("budget."): label for name, label in LIMITS.items()}
    return {
        reason: f"Ended: {said}. {_need(labels.get(reason))}"
        for reason, said in STOP_REASONS.items()
        if reason != GOES_ON_AS_IT_IS
    }


def _need(label: str | None) -> str:
    return f"Raise {label}, or nothing is left to do." if label else "None of these limits makes it go on."
