"""What a job looks like from outside."""

from collections.abc import Sequence
from dataclasses import asdict

from pydantic import BaseModel, JsonValue

from gepa_next.gepa.types import Role
from gepa_next.gepa.warning import same_model_warning
from gepa_next.metrics import asks_judge
from gepa_next.models import Fork, Job, JobStatus, Retest, Usage


class NoiseState(BaseModel):
    """How much scores vary when the judge scores the same output again, and of how many judgings that is known."""

    sd: float | None
    n: int
    repeats: int


class JudgeState(BaseModel):
    """The judge of a job; scores of different fingerprints are not comparable."""

    model_id: str
    fingerprint: str
    noise: NoiseState | None = None


class RoleUsage(BaseModel):
    """What went through one role; `calls` counts every request sent, `cost_usd` is null if a part of it is unknown."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class UsageState(RoleUsage):
    """What a job consumes in all."""

    rollouts: int
    by_role: dict[str, RoleUsage]


class RoleSpent(RoleUsage):
    """What was really spent on a role; `known_cost_usd` is the part of the cost that is known."""

    known_cost_usd: float


class SpentState(RoleSpent):
    """What the job has consumed in all."""

    rollouts: int
    by_role: dict[str, RoleSpent]


class BudgetState(BaseModel):
    """The limits of a job; null is no limit."""

    max_rollouts: int
    max_calls: int | None
    max_tokens: int | None
    max_cost_usd: float | None
    max_seconds: float | None
    target_score: float
    patience: int | None


class RetestState(BaseModel):
    """Which version of a pinned prompt a job tests again, and against which; 0 is the seed prompt of its job."""

    name: str
    version: int
    against: int
    tolerance: float


class ForkState(BaseModel):
    """What a job began with that another made; `test_seen` says that its test examples were looked at before."""

    job_id: str
    candidate_id: int | None
    event_id: int | None
    checkpoint: int
    shared_rollouts: int
    test_seen: bool


class ErrorState(BaseModel):
    """Why a job failed."""

    code: str
    message: str


class WarnedState(BaseModel):
    """Something that makes the scores of a job worth less than they look."""

    code: str
    message: str


class JobState(BaseModel):
    """The state of a job. Times are epoch seconds; scores are means in [0, 1] on the validation split."""

    job_id: str
    status: JobStatus
    stop_reason: str | None
    created_at: float
    started_at: float | None
    updated_at: float
    finished_at: float | None
    iteration: int
    iterations: int
    target_model_id: str
    program_url: str | None
    judge: JudgeState
    metric: str | dict[str, JsonValue] | list[dict[str, JsonValue]]
    simulated: bool
    metadata: dict[str, JsonValue]
    retest: RetestState | None
    forked_from: ForkState | None
    comparison_id: str | None
    seed: int
    split: dict[str, int]
    near_duplicates: int
    seed_score: float | None
    best_score: float | None
    best_prompt: str | None
    best_prompts: dict[str, str]
    usage: SpentState
    budget: BudgetState
    error: ErrorState | None
    result: dict[str, JsonValue] | None
    warnings: list[WarnedState]
    links: dict[str, str]


class StreamTokenState(BaseModel):
    """A token that opens the event stream of one job until a moment, and the path that holds it."""

    stream_token: str
    expires_at: int
    url: str


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    items: list[JobState]
    next_cursor: str | None


def job_url(job_id: str) -> str:
    """Return the job's path."""
    return f"/v1/optimize/{job_id}"


def job_state(job: Job, usage: Sequence[Usage]) -> JobState:
    """Return the state that GET answers with."""
    spec = job.spec
    return JobState.model_validate(
        {
            "job_id": job.id,
            "status": job.status,
            "stop_reason": job.stop_reason,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "updated_at": job.updated_at,
            "finished_at": job.finished_at,
            "iteration": job.iteration,
            "iterations": spec.iterations,
            "target_model_id": spec.target_model_id,
            "program_url": spec.program_url,
            "judge": job.judge,
            "metric": spec.metric,
            "simulated": job.simulated,
            "metadata": spec.metadata,
            "retest": retest_state(spec.retest),
            "forked_from": fork_state(spec.fork),
            "comparison_id": job.comparison_id,
            "seed": spec.seed,
            "split": {"train": job.split.train, "val": job.split.validation, "test": job.split.test},
            "near_duplicates": len(spec.near_duplicates),
            "seed_score": job.seed_score,
            "best_score": job.best_score,
            "best_prompt": job.best_prompt,
            "best_prompts": job.best_prompts,
            "usage": usage_state(job, usage),
            "budget": spec.budget,
            "error": {"code": job.error_code, "message": job.error_message or ""} if job.error_code else None,
            "result": job.result,
            "warnings": warnings_of(job),
            "links": _links(job.id),
        },
        from_attributes=True,
    )


def retest_state(retest: Retest | None) -> dict[str, object] | None:
    """Return what is told of a re-test, None of another job."""
    if retest is None:
        return None
    told = {"name": retest.name, "version": retest.version, "against": retest.against}
    return {**told, "tolerance": retest.pinned.tolerance}


def fork_state(fork: Fork | None) -> dict[str, object] | None:
    """Return what is told of a fork, None of another job."""
    return None if fork is None else ForkState.model_validate(fork, from_attributes=True).model_dump()


def warnings_of(job: Job) -> list[object]:
    """Return the warnings of the result, or before there is one what is known already."""
    if job.result is not None:
        found = job.result.get("warnings")
        return found if isinstance(found, list) else []
    if not asks_judge(job.spec.metric):
        return []
    return [asdict(each) for each in same_model_warning(target=job.spec.target_model_id, judge=job.judge.model_id)]


def usage_state(job: Job, usage: Sequence[Usage]) -> dict[str, object]:
    """Return what the job has consumed, in all and by role."""
    by_role = {str(role): _role_usage([each for each in usage if each.role is role]) for role in Role}
    return {**_role_usage(usage), "rollouts": job.rollouts, "by_role": by_role}


def _role_usage(usage: Sequence[Usage]) -> dict[str, object]:
    costs = [each.cost_usd for each in usage]
    return {
        "calls": sum(each.calls for each in usage),
        "input_tokens": sum(each.input_tokens for each in usage),
        "output_tokens": sum(each.output_tokens for each in usage),
        "cost_usd": None if None in costs else sum(cost or 0.0 for cost in costs),
        "known_cost_usd": sum(each.known_cost_usd for each in usage),
    }


def _links(job_id: str) -> dict[str, str]:
    url = job_url(job_id)
    return {"self": url} | {name: f"{url}/{name}" for name in ("events", "candidates", "artifacts")}
