"""Seeded choice: every random decision has its own stream, named by where in the run it is made."""

import random
from collections.abc import Sequence

from gepa_next.gepa.state import State
from gepa_next.gepa.types import Candidate, Example

PERFECT = 1.0
ENOUGH_MINIBATCHES = 2
FURTHER_MINIBATCHES = 2


def stream(state: State, purpose: str, place: int | str = "") -> random.Random:
    """Return the random stream of one decision, the same in every replay of this iteration."""
    # Not for secrets: reproducibility is the point.
    return random.Random(f"{state.task.seed}/{state.iteration + 1}/{purpose}/{place}")  # noqa: S311


def choose_parents(state: State, count: int) -> list[Candidate]:
    """Draw parents from the frontier by weight, independently of each other.

    Pareto-based sampling after arXiv:2507.19457, section 3.3; the weights are our own.
    """
    rng, weights = stream(state, "parents"), state.frontier.weights()
    parents = rng.choices(list(weights), weights=list(weights.values()), k=count)
    return [state.candidates[parent] for parent in parents]


def choose_minibatch(state: State, parent: Candidate, place: int) -> tuple[Example, ...]:
    """Draw train examples for a parent, those it is not known to master first.

    Once it has been run on enough of them, those that it failed on serve again: they are paid for. After an
    iteration in which nothing was worth running, those it has not been run on come first.
    """
    rng = stream(state, "minibatch", place)
    fair: Sequence[Example] = state.task.train
    known = [each for each in fair if (parent.id, each.id) in state.rollouts]
    failed = [each for each in known if not _teaches_little(state, parent, each)]
    if state.dry_iterations:
        fair = [each for each in fair if (parent.id, each.id) not in state.rollouts] or fair
    elif len(known) >= ENOUGH_MINIBATCHES * state.task.minibatch and len(failed) >= state.task.minibatch:
        fair = failed
    order = sorted(fair, key=lambda each: (_teaches_little(state, parent, each), rng.random()))
    return tuple(order[: state.task.minibatch])


def further_cases(state: State, parent: Candidate, minibatch: Sequence[Example], place: int) -> list[Example]:
    """Return further train examples that the parent failed on, all paid for before.

    After an iteration in which nothing was worth running there are none, so that the reflector is asked otherwise.
    """
    drawn = {each.id for each in minibatch}
    known = [each for each in state.task.train if (parent.id, each.id) in state.rollouts and each.id not in drawn]
    failed = [each for each in known if not _teaches_little(state, parent, each)]
    limit = 0 if state.dry_iterations else FURTHER_MINIBATCHES * state.task.minibatch
    return stream(state, "cases", place).sample(failed, min(len(failed), limit))


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
