"""A job as it stands: its status, what was asked for, who judges it and what it consumed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from gepa_next.gepa.spending import NOTHING_SPENT, Spent
from gepa_next.gepa.splits import SplitSizes, default_sizes, divide
from gepa_next.gepa.types import Budget, Example, JudgeNoise, Pinned, Role, Task


class JobStatus(StrEnum):
    """Say where a job is: `queued → running → finished | failed | cancelled`."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing more happens unless somebody resumes the job."""
        return self is not JobStatus.QUEUED and self is not JobStatus.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Retest:
    """Which version of a pinned prompt a job tests again, and against which; 0 is the seed prompt of its job."""

    name: str
    version: int
    against: int
    pinned: Pinned


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """What a job begins with that another made: a candidate's text, or all that was known as of an event.

    Of the two `candidate_id` and `event_id` one is None. The `checkpoint` is the last event whose step it knows of,
    `heir` its best candidate by then. `dearest` is what a call of a role took at most, where rollouts are shared.
    """

    job_id: str
    candidate_id: int | None
    event_id: int | None
    checkpoint: int
    heir: int | None
    test_seen: bool
    shares: bool
    shared_rollouts: int = 0
    dearest: Mapping[Role, Spent] = field(default_factory=lambda: dict(NOTHING_SPENT))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What was asked for, complete: every default is filled in. The examples are kept apart.

    Where the target is a program, `prompts` are its components by name, `prompt` is all of them joined, and its URL
    stands for the model. Of a `retest` they are what the pinned prompt is compared with.
    """

    prompt: str
    target_model_id: str
    metric: str | Mapping[str, object] | Sequence[Mapping[str, object]]  # as it was given
    rubric: str
    iterations: int
    population: int
    minibatch: int
    split: SplitSizes  # as it came out
    budget: Budget
    seed: int
    keep: tuple[str, ...] = ()
    max_prompt_tokens: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    cache: bool = True
    metadata: Mapping[str, object] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)
    program_url: str | None = None
    retest: Retest | None = None
    fork: Fork | None = None
    near_duplicates: tuple[tuple[str, ...], ...] = ()  # ids of examples that are in one split

    def task(self, examples: tuple[Example, ...]) -> Task:
        """Return what the engine is deterministic in; without examples it drafts its own."""
        splits = divide(examples, self.split, seed=self.seed, together=self.near_duplicates)
        return Task(
            prompt=self.prompt,
            train=splits.train,
            validation=splits.validation,
            test=splits.test,
            budget=self.budget,
            seed=self.seed,
            rubric=self.rubric,
            iterations=self.iterations,
            population=self.population,
            minibatch=self.minibatch,
            keep=self.keep,
            max_prompt_tokens=self.max_prompt_tokens,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            prompts=self.prompts,
            pinned=self.retest.pinned if self.retest else None,
            heir=self.fork.heir if self.fork else None,
            test_seen=self.fork is not None and self.fork.test_seen,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The judge a job is scored by; scores of different fingerprints are not comparable."""

    model_id: str
    fingerprint: str
    noise: JudgeNoise | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a job consumed through one role; `cost_usd` None is unknown, not free, but for a part that is known."""

    role: Role
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    known_cost_usd: float = 0.0


class JobVersion(NamedTuple):
    """What is another as soon as a job's state is another; `updated_at` may be another though the state is the same."""

    owner_epoch: int
    last_event_id: int
    calls: int
    status: JobStatus
    updated_at: float

    @property
    def tag(self) -> str:
        """Return what the state's ETag says."""
        return f"{self.owner_epoch}-{self.last_event_id}-{self.calls}-{self.status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as it stands. Times are epoch seconds, scores in [0, 1] on the validation split.

    What is left out is as it is before a runner takes the job up.
    """

    id: str
    token_id: str
    status: JobStatus
    spec: JobSpec
    judge: Judge
    simulated: bool
    created_at: float
    updated_at: float
    comparison_id: str | None
    started_at: float | None = None
    finished_at: float | None = None
    stop_reason: str | None = None
    iteration: int = 0
    rollouts: int = 0
    seed_score: float | None = None
    best_score: float | None = None
    best_candidate_id: int | None = None
    best_prompt: str | None = None
    best_prompts: Mapping[str, str] = field(default_factory=dict)
    error_code: str | None = None
    error_message: str | None = None
    result: Mapping[str, object] | None = None
    last_event_id: int = 0
    owner_epoch: int = 0
    paused_s: float = 0.0
    drafted: int = 0  # examples of the reflector's; 0 if they were given, or before there are any

    @property
    def split(self) -> SplitSizes:
        """How many examples each split holds, or will if as many are drafted as are asked for."""
        return default_sizes(self.drafted) if self.drafted else self.spec.split
