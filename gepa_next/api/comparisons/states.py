"""What a comparison of targets looks like from outside."""

from collections.abc import Sequence
from dataclasses import asdict

from pydantic import BaseModel, JsonValue

from gepa_next.api.jobs.quote_state import QuoteState
from gepa_next.api.jobs.states import JudgeState, RoleUsage, SpentState, UsageState, job_url, usage_state
from gepa_next.gepa.targets import Difference, differences
from gepa_next.gepa.types import Role
from gepa_next.models import Job, JobStatus
from gepa_next.store.comparisons import Latency, target_latency, test_scores
from gepa_next.store.database import Database
from gepa_next.store.evidence import list_usage


class LatencyState(BaseModel):
    """How long answers of the target took, in seconds."""

    median_s: float
    p95_s: float


class ComparedState(BaseModel):
    """One target of a comparison, with its job."""

    target_model_id: str
    job_id: str
    status: JobStatus
    stop_reason: str | None
    seed_score: float | None
    best_score: float | None
    test: dict[str, JsonValue] | None
    verdict: str | None
    usage: SpentState
    latency: LatencyState | None
    links: dict[str, str]


class DifferenceState(BaseModel):
    """The champions of two targets on the held-out examples that both have a score for, the first less the second."""

    target_model_id: str
    other_model_id: str
    verdict: str
    n: int
    score: float | None
    other_score: float | None
    difference: float | None
    interval: tuple[float, float] | None
    wins: int
    losses: int
    p_value: float | None


class ComparisonState(BaseModel):
    """Several targets on the same examples, and how their champions differ."""

    comparison_id: str
    status: JobStatus
    created_at: float
    judge: JudgeState
    simulated: bool
    seed: int
    split: dict[str, int]
    targets: list[ComparedState]
    differences: list[DifferenceState]
    links: dict[str, str]


class ComparedQuoteState(BaseModel):
    """What one target of a comparison would take."""

    target_model_id: str
    quote: QuoteState


class ComparisonQuoteState(BaseModel):
    """What a comparison would take: all of it, and each target."""

    expected: UsageState
    most: UsageState
    targets: list[ComparedQuoteState]


def comparison_url(comparison_id: str) -> str:
    """Return the comparison's path."""
    return f"/v1/comparisons/{comparison_id}"


def comparison_state(database: Database, comparison_id: str, jobs: Sequence[Job]) -> ComparisonState:
    """Return the state of the comparison of these jobs, of which there is one at least."""
    first = jobs[0]
    return ComparisonState(
        comparison_id=comparison_id,
        status=status_of(jobs),
        created_at=first.created_at,
        judge=JudgeState(model_id=first.judge.model_id, fingerprint=first.judge.fingerprint),
        simulated=first.simulated,
        seed=first.spec.seed,
        split={"train": first.split.train, "val": first.split.validation, "test": first.split.test},
        targets=[_target(database, job) for job in jobs],
        differences=_differences(database, jobs),
        links={"self": comparison_url(comparison_id)},
    )


def status_of(jobs: Sequence[Job]) -> JobStatus:
    """Return where the comparison is: it runs until all have ended, and is finished if one of them finished."""
    found = {job.status for job in jobs}
    if not all(status.terminal for status in found):
        return JobStatus.QUEUED if found == {JobStatus.QUEUED} else JobStatus.RUNNING
    order = (JobStatus.FINISHED, JobStatus.CANCELLED, JobStatus.FAILED)
    return next(status for status in order if status in found)


def _target(database: Database, job: Job) -> ComparedState:
    result, latency = job.result or {}, target_latency(database, job.id)
    return ComparedState.model_validate(
        {
            "target_model_id": job.spec.target_model_id,
            "job_id": job.id,
            "status": job.status,
            "stop_reason": job.stop_reason,
            "seed_score": job.seed_score,
            "best_score": job.best_score,
            "test": result.get("test"),
            "verdict": result.get("verdict"),
            "usage": usage_state(job, list_usage(database, job.id)),
            "latency": _latency_state(latency),
            "links": {"job": job_url(job.id)},
        }
    )


def _latency_state(latency: Latency | None) -> dict[str, float] | None:
    return None if latency is None else {"median_s": round(latency.median_s, 6), "p95_s": round(latency.p95_s, 6)}


def _differences(database: Database, jobs: Sequence[Job]) -> list[DifferenceState]:
    """Compare the champions of those that have finished, once all have ended: a pair more makes each less telling."""
    done = [job for job in jobs if job.status is JobStatus.FINISHED and job.best_candidate_id is not None]
    if not all(job.status.terminal for job in jobs):
        return []
    scores = [test_scores(database, job.id, job.best_candidate_id or 0) for job in done]
    return [_difference(done, each) for each in differences(scores, seed=jobs[0].spec.seed)]


def _difference(done: Sequence[Job], each: Difference) -> DifferenceState:
    found = asdict(each.found) if each.found is not None else {}
    return DifferenceState(
        target_model_id=done[each.first].spec.target_model_id,
        other_model_id=done[each.second].spec.target_model_id,
        verdict=each.verdict,
        n=found.get("n", 0),
        score=found.get("score"),
        other_score=found.get("seed_score"),
        difference=found.get("difference"),
        interval=found.get("interval"),
        wins=found.get("wins", 0),
        losses=found.get("losses", 0),
        p_value=found.get("p_value"),
    )


def quotes_state(quotes: Sequence[tuple[str, QuoteState]]) -> ComparisonQuoteState:
    """Return each target's quote, and their sums."""
    return ComparisonQuoteState(
        expected=_sum([quote.expected for _, quote in quotes]),
        most=_sum([quote.most for _, quote in quotes]),
        targets=[ComparedQuoteState(target_model_id=name, quote=quote) for name, quote in quotes],
    )


def _sum(amounts: Sequence[UsageState]) -> UsageState:
    by_role = {str(role): _together([each.by_role[str(role)] for each in amounts]) for role in Role}
    total = _together(amounts).model_dump()
    return UsageState(**total, rollouts=sum(each.rollouts for each in amounts), by_role=by_role)


def _together(parts: Sequence[RoleUsage]) -> RoleUsage:
    costs = [each.cost_usd for each in parts]
    return RoleUsage(
        calls=sum(each.calls for each in parts),
        input_tokens=sum(each.input_tokens for each in parts),
        output_tokens=sum(each.output_tokens for each in parts),
        cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
    )
