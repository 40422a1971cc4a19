"""Prompts pinned by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from gepa_next.models.jobs import JobSpec, Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedVersion:
    """One version of a pinned prompt, with all that is to be told of it when its job is gone.

    `previous` is the version that was active before it was pinned, None for the first. `activation` counts how often
    the name was given another version; it is None, as `active_since`, unless this is the active one.
    """

    name: str
    number: int
    text: str
    prompts: Mapping[str, str]
    job_id: str
    job_created_at: float
    candidate_id: int
    score: float | None
    scored_on: str | None
    verdict: str | None
    spec: JobSpec
    judge: Judge
    simulated: bool
    created_at: float
    previous: int | None = None
    activation: int | None = None
    active_since: float | None = None
