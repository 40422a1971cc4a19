"""Each idea of the engine switched off in turn, by putting the plain way in the place of the idea."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gepa_next.gepa import acceptance, deciding, frontier, iteration, operators, racing, sampling, state
from gepa_next.gepa.proposers import reflect

NEVER = 10**6
Swap = tuple[Any, str, Any]  # module, name, what stands there instead

IDEAS: dict[str, Callable[[], list[Swap]]] = {
    "growing validation": lambda: [(deciding, "FIRST_SHARE", 1.0)],
    "races in blocks": lambda: [(iteration, "block_ends", lambda count: [count])],
    "one winner a race": lambda: [(iteration, "drop_those_behind", _only_those_behind)],
    "half first where few decide": lambda: [(racing, "SMALLEST_BLOCK", NEVER)],
    "another try with more examples": lambda: [(state, "TELLS_MORE", NEVER)],
    "twice the examples after nothing": lambda: [(state, "DOUBLING", 1)],
    "shorter wins": lambda: [(acceptance, "SHORTER", 0.0)],
    "leader first": lambda: [(frontier, "SOFTNESS", 0.1)],
    "failures again": lambda: [(sampling, "ENOUGH_MINIBATCHES", NEVER)],
    "further failures": lambda: [(sampling, "FURTHER_MINIBATCHES", 0)],
    "constrain": lambda: [_menu("constrain")],
    "demonstrate": lambda: [_menu("demonstrate")],
    "compress": lambda: [_menu("compress")],
    "operators by what has paid": lambda: [(operators, "operator_worth", lambda _: dict(operators.MENU))],
    "lessons": lambda: [(reflect, "shown_lessons", lambda _: [])],
}


def _menu(*left_out: str) -> Swap:
    return operators, "MENU", {name: weight for name, weight in operators.MENU.items() if name not in left_out}


def _only_those_behind(racers: Sequence[Any]) -> None:
    for each in racers:
        if each.comparison is not None and each.comparison.difference < 0:
            each.reason = "behind"


@contextmanager
def without(idea: str) -> Iterator[None]:
    """Run the block with the idea switched off; an empty name switches off nothing."""
    swaps = IDEAS[idea]() if idea else []
    kept = [(module, name, getattr(module, name)) for module, name, _ in swaps]
    for module, name, instead in swaps:
        setattr(module, name, instead)
    try:
        yield
    finally:
        for module, name, was in kept:
            setattr(module, name, was)
