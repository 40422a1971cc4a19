"""Seeded choice: every random decision has its own stream, named by where in the run it is made."""

import random
from collections.abc import Sequence

from gepa_next.gepa.state import State
from gepa_next.gepa.types import Candidate, Example

PERFECT = 1.0


def stream(state: State, purpose: str, place: int | str = "") -> random.Random:
    """Return the random stream of one decision, the same in every replay of this iteration."""
    # Not for secrets: reproducibility is the point.
    return random.Random(f"{state.task.seed}/{state.iteration + 1}/{purpose}/{place}")  # noqa: S311


def choose_parents(state: State, count: int) -> list[Candidate]:
    """Draw parents from the frontier by weight, nobody twice before everybody once.

    Pareto-based sampling after arXiv:2507.19457, section 3.3; the weights are our own.
    """
    rng, weights = stream(state, "parents"), state.frontier.weights()
    parents: list[int] = []
    while len(parents) < count:
        left = dict(weights)
        while left and len(parents) < count:
            drawn = rng.choices(list(left), weights=list(left.values()))[0]
            del left[drawn]
            parents.append(drawn)
    return [state.candidates[parent] for parent in parents]


def choose_minibatch(state: State, parent: Candidate, place: int, *, without: frozenset[str]) -> tuple[Example, ...]:
    """Draw train examples for a parent, those it is not known to master first.

    Examples whose input is quoted in the parent's text or in `without` would flatter, so they are
    left out as long as others remain.
    """
    rng = stream(state, "minibatch", place)
    fair = [each for each in state.task.train if each.input not in without and each.input not in parent.text]
    order = sorted(fair or state.task.train, key=lambda each: (_teaches_little(state, parent, each), rng.random()))
    return tuple(order[: state.task.minibatch])


def _teaches_little(state: State, parent: Candidate, example: Example) -> bool:
    """Say whether the parent masters the example, or fails on it without a score, which may happen every time."""
    rollout = state.rollouts.get((parent.id, example.id))
    return rollout is not None and (rollout.score is None or rollout.score >= PERFECT)


def most_telling(state: State, parent: Candidate, examples: Sequence[Example], limit: int) -> list[Example]:
    """Return the examples the parent did worst on, by what is already paid for."""
    scored = [
        (rollout.score, place, each)
        for place, each in enumerate(examples)
        if (rollout := state.rollouts.get((parent.id, each.id))) and rollout.score is not None
    ]
    return [each for _, _, each in sorted(scored, key=lambda row: row[:2])[:limit]]
