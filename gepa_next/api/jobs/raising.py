"""Raising the limits of a job that goes on: never below what is spent."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from gepa_next.api.edge.wrong_values import invalid
from gepa_next.api.jobs.intake import chosen_iterations
from gepa_next.api.jobs.schemas import BudgetBody, ResumeBody
from gepa_next.gepa.quote import usable_rollouts
from gepa_next.gepa.retest import rollouts_of_retest
from gepa_next.gepa.types import Budget
from gepa_next.models import Job, JobSpec, Usage


def raised_spec(job: Job, body: ResumeBody, usage: Sequence[Usage], *, most_iterations: int) -> JobSpec:
    """Return the job's spec with the limits asked for; InvalidError names one that is less than is spent already."""
    iterations = job.spec.iterations
    if body.iterations is not None and job.spec.retest is not None:
        raise invalid("iterations", "a re-test has one, and no more")
    if body.iterations is not None:
        iterations = chosen_iterations(body.iterations, None, most=most_iterations)
        _refuse_less("iterations", iterations, job.iteration)
    _check_spent(body.budget, job, usage)
    raised = replace(job.spec, iterations=iterations)
    return replace(raised, budget=changed_budget(job.spec, body.budget, usable=max(_usable(job.spec), _usable(raised))))


def changed_budget(spec: JobSpec, given: BudgetBody, *, usable: int) -> Budget:
    """Return the spec's limits with those given; null takes a limit away, as if it had never been given.

    A `max_rollouts` that was not given, or is taken away, becomes what is `usable` now.
    """
    never_given = asdict(Budget(max_rollouts=usable))
    sent = given.model_dump(include=given.model_fields_set)
    if "max_rollouts" not in sent and spec.budget.max_rollouts == _usable(spec):
        sent["max_rollouts"] = None
    return replace(spec.budget, **{name: never_given[name] if value is None else value for name, value in sent.items()})


def _usable(spec: JobSpec) -> int:
    if spec.retest is not None:
        return rollouts_of_retest(spec.split.validation)
    return usable_of(spec)


def usable_of(spec: JobSpec) -> int:
    """Return how many rollouts the iterations of a job can use at most; in a fork also what its heir may take."""
    usable = usable_rollouts(
        spec.split, iterations=spec.iterations, population=spec.population, minibatch=spec.minibatch
    )
    tries_heir = spec.fork is not None and spec.fork.heir is not None and not spec.fork.shares
    return usable + spec.split.validation * tries_heir


def time_is_up(job: Job, spec: JobSpec) -> bool:
    """Say whether a terminal job has run as long as it may."""
    return spec.budget.max_seconds is not None and _ran_s(job) >= spec.budget.max_seconds


def _ran_s(job: Job) -> float:
    """Return how long a terminal job ran, without the time between an ending and a resumption."""
    return (job.finished_at or 0.0) - (job.started_at or job.finished_at or 0.0) - job.paused_s


def _check_spent(given: BudgetBody, job: Job, usage: Sequence[Usage]) -> None:
    _refuse_less("budget.max_rollouts", given.max_rollouts, job.rollouts)
    _refuse_less("budget.max_calls", given.max_calls, sum(each.calls for each in usage))
    _refuse_less("budget.max_tokens", given.max_tokens, sum(each.input_tokens + each.output_tokens for each in usage))
    _refuse_less("budget.max_cost_usd", given.max_cost_usd, sum(each.known_cost_usd for each in usage))
    _refuse_less("budget.max_seconds", given.max_seconds, _ran_s(job))


def _refuse_less(path: str, limit: float | None, spent: float | None) -> None:
    if limit is not None and spent is not None and limit < spent:
        raise invalid(path, f"less than the {spent:g} spent already")
