"""Options for the limits of a job."""

import argparse
import math

from gepa_next.client import LimitOptions

WHOLE_NUMBERS = {
    "max_rollouts": "runs of a prompt on an example",
    "max_calls": "requests to models",
    "max_tokens": "tokens, in and out",
    "patience_iterations": "stop after so many iterations without a new best",
}
DECIMALS = {
    "max_cost_usd": "what the models may cost",
    "max_seconds": "how long the job may run",
    "target_score": "stop when the best prompt reaches it, 0 to 1",
}


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add an option for each limit."""
    group = parser.add_argument_group("limits")
    group.add_argument("--iterations", type=whole_number, metavar="N", help="rounds of proposals")
    for name, about in WHOLE_NUMBERS.items():
        group.add_argument(_option(name), type=whole_number, metavar="N", help=about)
    for name, about in DECIMALS.items():
        group.add_argument(_option(name), type=_finite, metavar="X", help=about)


def limits_of(options: argparse.Namespace) -> LimitOptions:
    """Return the limits that were given."""
    given = {name.removesuffix("_iterations"): getattr(options, name) for name in (*WHOLE_NUMBERS, *DECIMALS)}
    found: LimitOptions = {}
    found.update({name: value for name, value in given.items() if value is not None})  # type: ignore[typeddict-item]
    return found


def whole_number(text: str) -> int:
    """Return the number; what argparse says of other texts."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a whole number is expected, not {text}") from None


def _finite(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise argparse.ArgumentTypeError(f"a number is expected, not {text}")
    return found


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
