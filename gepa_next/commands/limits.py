"""Options for the limits of a job."""

import argparse
import math

from gepa_next.client import LimitOptions

WHOLE_NUMBERS = ("max_rollouts", "max_calls", "max_tokens", "patience_iterations")
DECIMALS = ("max_cost_usd", "max_seconds", "target_score")


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add an option for each limit."""
    group = parser.add_argument_group("limits")
    group.add_argument("--iterations", type=int)
    for name in WHOLE_NUMBERS:
        group.add_argument(_option(name), type=int, metavar="N")
    for name in DECIMALS:
        group.add_argument(_option(name), type=_finite, metavar="X")


def limits_of(options: argparse.Namespace) -> LimitOptions:
    """Return the limits that were given."""
    given = {name.removesuffix("_iterations"): getattr(options, name) for name in (*WHOLE_NUMBERS, *DECIMALS)}
    found: LimitOptions = {}
    found.update({name: value for name, value in given.items() if value is not None})  # type: ignore[typeddict-item]
    return found


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
