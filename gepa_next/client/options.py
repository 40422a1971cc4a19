"""The fields of request bodies, as docs/API.md has them."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

Json = dict[str, Any]  # Any: the service's JSON, described in docs/API.md


class ExampleOptions(TypedDict, total=False):
    """An example; `input` is required."""

    input: str
    ideal: str | None
    id: str | None
    tags: Sequence[str]
    meta: Mapping[str, object]


class LimitOptions(TypedDict, total=False):
    """Limits over all models together; None is no limit."""

    max_rollouts: int | None
    max_calls: int | None
    max_tokens: int | None
    max_cost_usd: float | None
    max_seconds: float | None
    target_score: float | None
    patience: int | None


class TaskOptions(TypedDict, total=False):
    """What may be said of a job beside its prompt, its target and its examples."""

    bank: Mapping[str, object] | None
    rubric: str
    metric: str | Mapping[str, object] | Sequence[Mapping[str, object]]
    constraints: Mapping[str, object]
    budget: LimitOptions
    iterations: int | None
    population: int
    minibatch: int
    split: Mapping[str, float] | None
    temperature: float | None
    max_tokens: int | None
    seed: int | None
    cache: bool
    metadata: Mapping[str, object]


class OptimizeOptions(TaskOptions, total=False):
    """What may be said of a job beside its prompt and examples."""

    target_model_id: str | None
    program_url: str | None


class ForkOptions(TypedDict, total=False):
    """What may be said of a fork."""

    candidate_id: int | None
    event_id: int | None
    target_model_id: str | None
    program_url: str | None
    temperature: float | None
    max_tokens: int | None
    iterations: int | None
    population: int | None
    minibatch: int | None
    cache: bool | None
    budget: LimitOptions
    metadata: Mapping[str, object]


class RetestOptions(TypedDict, total=False):
    """What may be said of a re-test."""

    examples: Mapping[str, object] | None
    against: int | None
    tolerance: float
    budget: LimitOptions
    cache: bool | None
    metadata: Mapping[str, object]
