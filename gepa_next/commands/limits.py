"""Options for the limits of a job."""

import argparse

from gepa_next.client import LimitOptions

WHOLE = ("max_rollouts", "max_calls", "max_tokens", "patience_iterations")
BROKEN = ("max_cost_usd", "max_seconds", "target_score")


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add an option for each limit."""
    group = parser.add_argument_group("limits")
    group.add_argument("--iterations", type=int)
    for name in WHOLE:
        group.add_argument(_option(name), type=int, metavar="N")
    for name in BROKEN:
        group.add_argument(_option(name), type=float, metavar="X")


def limits_of(options: argparse.Namespace) -> LimitOptions:
    """Return the limits that were given."""
    given = {name.removesuffix("_iterations"): getattr(options, name) for name in (*WHOLE, *BROKEN)}
    found: LimitOptions = {}
    found.update({name: value for name, value in given.items() if value is not None})  # type: ignore[typeddict-item]
    return found


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
