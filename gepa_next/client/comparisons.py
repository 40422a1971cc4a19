"""Comparisons of targets: a job for each of several models, and a table of what they came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Unpack

from gepa_next.client.answers import Quote
from gepa_next.client.connection import Connection, segment
from gepa_next.client.jobs import Examples, key_header
from gepa_next.client.options import Json, TaskOptions
from gepa_next.client.states import HeldOutTest, Judge, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long answers of a target took, in seconds."""

    median_s: float
    p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One target of a comparison, with its job."""

    target_model_id: str
    job_id: str
    status: str
    stop_reason: str | None = None
    seed_score: float | None = None
    best_score: float | None = None
    test: HeldOutTest | None = None
    verdict: str | None = None
    usage: Usage = field(default_factory=Usage)
    latency: Latency | None = None
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The champions of two targets on the examples that both have a score for, the first less the second."""

    target_model_id: str
    other_model_id: str
    verdict: str
    n: int = 0
    score: float | None = None
    other_score: float | None = None
    difference: float | None = None
    interval: tuple[float, ...] | None = None
    wins: int = 0
    losses: int = 0
    p_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several targets on the same examples, and how their champions differ."""

    comparison_id: str
    status: str
    created_at: float | None = None
    judge: Judge | None = None
    simulated: bool = False
    seed: int | None = None
    split: dict[str, int] = field(default_factory=dict)
    targets: tuple[Compared, ...] = ()
    differences: tuple[Difference, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    raw: Json = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedQuote:
    """What one target of a comparison would take."""

    target_model_id: str
    quote: Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonQuote:
    """What a comparison would take: all of it, and each target."""

    expected: Usage
    most: Usage
    targets: tuple[ComparedQuote, ...] = ()
    raw: Json = field(repr=False, compare=False, default_factory=dict)


class Comparisons(Connection):
    """The part of the client that deals with comparisons."""

    def compare(
        self,
        prompt: str,
        target_model_ids: Sequence[str],
        *,
        examples: Examples = (),
        idempotency_key: str | None = None,
        **options: Unpack[TaskOptions],
    ) -> Comparison:
        """Create a job for each of the models, and return the state of their comparison."""
        body = _body(prompt, target_model_ids, examples, options)
        return self._read(Comparison, "POST", "/v1/comparisons", json=body, headers=key_header(idempotency_key))

    def quote_comparison(
        self, prompt: str, target_model_ids: Sequence[str], *, examples: Examples = (), **options: Unpack[TaskOptions]
    ) -> ComparisonQuote:
        """Return what the same comparison would take, without making it."""
        body = _body(prompt, target_model_ids, examples, options)
        return self._read(ComparisonQuote, "POST", "/v1/comparisons/quote", json=body)

    def comparison(self, comparison_id: str) -> Comparison:
        """Return what the targets of a comparison have come to, side by side."""
        return self._read(Comparison, "GET", f"/v1/comparisons/{segment(comparison_id)}")

    def cancel_comparison(self, comparison_id: str) -> Comparison:
        """Cancel those of its jobs that have not ended, and return its state."""
        return self._read(Comparison, "DELETE", f"/v1/comparisons/{segment(comparison_id)}")


def _body(prompt: str, target_model_ids: Sequence[str], examples: Examples, options: Mapping[str, object]) -> Json:
    return {"prompt": prompt, "target_model_ids": list(target_model_ids), "examples": list(examples), **options}
