"""The nouns of the algorithm, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """Say which of the three models a call is for."""

    TARGET = "target"
    JUDGE = "judge"
    REFLECTOR = "reflector"


class Split(StrEnum):
    """Say what an example is used for; no example serves two purposes when there are enough."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Decision(StrEnum):
    """Say what became of a candidate."""

    SEED = "seed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REFUSED = "refused"  # by a guard, before anything was paid


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One task input, with the answer hoped for when it is known."""

    id: str
    input: str
    ideal: str | None = None
    tags: tuple[str, ...] = ()
    meta: Mapping[str, object] = field(default_factory=dict)
    synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One version of the prompt; the seed candidate is 0.

    `prompts` are its components by name where the target is a program; `text` is then all of them joined.
    `score` and `parent_score` are means over the `compared` deciding examples that both have a
    score for; None before they were compared.
    """

    id: int
    text: str
    prompts: Mapping[str, str] = field(default_factory=dict)
    parents: tuple[int, ...] = ()
    operator: str = "seed"
    iteration: int = 0
    decision: Decision = Decision.SEED
    reason: str = ""
    score: float | None = None
    parent_score: float | None = None
    compared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the judge or a metric says of one output: a score in [0, 1] and why."""

    score: float
    feedback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeNoise:
    """How much scores vary when the judge scores the same output again: a standard deviation in [0, 1].

    It is pooled over `n` outputs, each judged again `repeats` times, and their first scores if those are the judge's
    alone; None if no output has two.
    """

    sd: float | None
    n: int
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One candidate run on one example. A failed one has an `error` code and no score."""

    candidate_id: int
    example_id: str
    split: Split
    output: str = ""
    score: float | None = None
    feedback: str = ""
    error: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What one proposal taught: a sentence of the reflector's and the gain it was tried with."""

    id: int
    text: str
    candidate_id: int
    iteration: int
    gain: float | None


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One question to one model.

    `key` is the call's logical place in the run (iteration, purpose, place): the same in a replay,
    unique in a job. `reply_type`, a dataclass, asks for a JSON object of that shape. A `fresh` call is not answered by
    what another call was answered.
    """

    role: Role
    key: str
    messages: tuple[Message, ...]
    reply_type: type | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUsage:
    """What one call consumed, retries and re-asks included; `cost_usd` None is unknown, not free.

    It is without the `doubtful` requests: they got no answer, may have been paid, and nobody knows the price.
    """

    sends: int = 1
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    doubtful: int = 0

    @property
    def priced(self) -> bool:
        """Whether it tells what an answer costs: one that is free is an answer too, a failed request is none."""
        known = self.cost_usd is not None and (self.cost_usd > 0 or not self.doubtful)
        return known and self.output_tokens > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A model's answer: its text, and `reply`, an instance of the call's `reply_type` if it has one."""

    text: str
    reply: object = None
    finish_reason: str = "stop"
    usage: CallUsage = CallUsage()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits on a job, all roles together; None is no limit. `max_rollouts` counts every rollout."""

    max_rollouts: int
    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost_usd: float | None = None
    max_seconds: float | None = None
    target_score: float = 1.0
    patience: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A prompt to be tested again beside the task's, instead of one to be found.

    `prompts` are its components by name where the target is a program. A score that is lower by more than the
    `tolerance` is a loss.
    """

    text: str
    prompts: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to optimise and within which limits; everything the engine is deterministic in.

    `prompts` are the components by name where the target is a program; `prompt` is then all of them joined. With a
    `pinned` prompt nothing is optimised: that one is tested again. The `heir` is the best candidate of those that the
    run begins with, if it begins with any; `test_seen` says that the test examples were looked at by a run before.
    """

    prompt: str
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    budget: Budget
    seed: int
    rubric: str = ""
    iterations: int = 10
    population: int = 4
    minibatch: int = 3
    keep: tuple[str, ...] = ()
    max_prompt_tokens: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    pinned: Pinned | None = None
    heir: int | None = None
    test_seen: bool = False
