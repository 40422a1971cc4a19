"""The state of a job, its result and its events; every field is described in docs/API.md.

`raw` is the whole answer as it came, with the fields that only a newer server has.
"""

from dataclasses import dataclass, field
from typing import Any

from gepa_next.client.options import Json

TERMINAL = frozenset({"finished", "failed", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How much scores vary when the judge scores the same output again."""

    sd: float | None = None
    n: int = 0
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Who scores; scores of different fingerprints are not comparable."""

    model_id: str
    fingerprint: str
    noise: Noise | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What is consumed; `cost_usd` is None where a part of it is unknown."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    known_cost_usd: float | None = None
    rollouts: int = 0
    by_role: dict[str, "Usage"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of a job; None is no limit."""

    max_rollouts: int | None = None
    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost_usd: float | None = None
    max_seconds: float | None = None
    target_score: float | None = None
    patience: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutTest:
    """The paired comparison of champion and seed prompt on held-out examples."""

    n: int
    seed_score: float | None = None
    score: float | None = None
    difference: float | None = None
    interval: tuple[float, ...] | None = None
    wins: int | None = None
    losses: int | None = None
    lost: tuple[str, ...] = ()
    p_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something to know before one believes the scores (`code`), or about a value of the body (`path`)."""

    message: str
    code: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a finished job came to."""

    prompt: str
    verdict: str
    says: str = ""
    prompts: dict[str, str] = field(default_factory=dict)
    candidate_id: int | None = None
    score: float | None = None
    seed_score: float | None = None
    scored_on: str | None = None
    test: HeldOutTest | None = None
    test_seen: bool = False
    lessons: tuple[str, ...] = ()
    stop_reason: str | None = None
    stalled_by: str | None = None
    nondominated: Json | None = None
    length_correlation: Json | None = None
    retest: Json | None = None
    warnings: tuple[Warned, ...] = ()
    simulated: bool = False
    artifacts: str | None = None
    raw: Json = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job failed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """What a job began with that another made."""

    job_id: str
    candidate_id: int | None = None
    event_id: int | None = None
    checkpoint: int = 0
    shared_rollouts: int = 0
    test_seen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetestOf:
    """Which version of a pinned prompt a job tests again, and against which."""

    name: str
    version: int
    against: int
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The state of a job."""

    job_id: str
    status: str
    iteration: int
    iterations: int
    stop_reason: str | None = None
    created_at: float | None = None
    started_at: float | None = None
    updated_at: float | None = None
    finished_at: float | None = None
    target_model_id: str | None = None
    program_url: str | None = None
    judge: Judge | None = None
    metric: Any = "judge"
    simulated: bool = False
    metadata: Json = field(default_factory=dict)
    retest: RetestOf | None = None
    forked_from: Fork | None = None
    comparison_id: str | None = None
    seed: int | None = None
    split: dict[str, int] = field(default_factory=dict)
    near_duplicates: int = 0
    seed_score: float | None = None
    best_score: float | None = None
    best_prompt: str | None = None
    best_prompts: dict[str, str] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    budget: Budget = field(default_factory=Budget)
    error: JobError | None = None
    result: Result | None = None
    warnings: tuple[Warned, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    raw: Json = field(repr=False, compare=False, default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether it has ended; it may be resumed."""
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a job."""

    id: int
    type: str
    ts: float
    data: Json
    job_id: str = ""
    raw: Json = field(repr=False, compare=False, default_factory=dict)
