"""What the engine yields: an event for people with the change of state that belongs to it."""

from collections.abc import Mapping
from dataclasses import dataclass

from gepa_next.gepa.types import CallUsage, Candidate, Example, Lesson, Rollout

NOTHING_SPENT = CallUsage(sends=0, cost_usd=0.0)


def add_usage(one: CallUsage, other: CallUsage) -> CallUsage:
    """Return the sum; a cost that is unknown makes the sum unknown."""
    unknown = one.cost_usd is None or other.cost_usd is None
    return CallUsage(
        sends=one.sends + other.sends,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd=None if unknown else (one.cost_usd or 0.0) + (other.cost_usd or 0.0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """The part of a step that changes the state; a state is the fold of all deltas since the task.

    `examples` are drafted ones. A candidate appears once, with its final decision. `iteration` says
    that this many iterations are complete. A run is taken up again after its last `checkpoint`.
    """

    examples: tuple[Example, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    usage: CallUsage = NOTHING_SPENT
    iteration: int | None = None
    checkpoint: bool = False


NO_CHANGE = Delta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event and its delta. `key` is the event's place in the run, the same in every replay."""

    key: str
    stage: str
    data: Mapping[str, object]
    delta: Delta = NO_CHANGE
