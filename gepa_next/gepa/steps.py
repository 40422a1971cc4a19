"""What the engine yields: an event for people with the change of state that belongs to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gepa_next.gepa.spending import Spending
from gepa_next.gepa.types import Candidate, Example, JudgeNoise, Lesson, Rollout


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
    noise: JudgeNoise | None = None
    spending: Spending = field(default_factory=dict)
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
