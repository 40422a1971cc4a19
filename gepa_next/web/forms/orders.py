"""What a filled-in form orders: one job, a job for each of several models, or a fork; quoted first, then made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gepa_next.api.comparisons.comparisons import asked_of_comparison, compared
from gepa_next.api.comparisons.shapes import ComparisonBody
from gepa_next.api.comparisons.states import ComparisonQuoteState, quotes_state
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.forks.forking import asked_of_fork
from gepa_next.api.forks.shapes import ForkBody
from gepa_next.api.jobs.intake import chosen_iterations
from gepa_next.api.jobs.optimize import asked_for, digest_of, new_job, refuse_while_draining, validated
from gepa_next.api.jobs.quote_state import QuoteState, quote_state
from gepa_next.api.jobs.quotes import quoted
from gepa_next.api.jobs.schemas import OptimizeBody
from gepa_next.gepa.types import Example, Role
from gepa_next.models import Job, JobSpec
from gepa_next.store.jobs import get_job
from gepa_next.store.new_jobs import insert_job

_KEY = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Order:
    """Jobs that are alike but for their target; `digest` is another one as soon as anything else is asked for."""

    digest: str
    specs: list[JobSpec]
    examples: tuple[Example, ...]


def ordered_jobs(given: Mapping[str, object], others: list[str]) -> Order:
    """Return the order of a job of this body, and of one for each other model; InvalidError if it cannot be had."""
    return _comparison(given, others) if others else _job(given)


def _job(given: Mapping[str, object]) -> Order:
    body = validated(OptimizeBody, given)
    body = body.model_copy(update=_limited(body.iterations))
    spec, examples = asked_for(wiring(), body)
    return Order(digest_of(body.model_dump(mode="json")), [spec], examples)


def _comparison(given: Mapping[str, object], others: list[str]) -> Order:
    first = given.get("target_model_id", wiring().roles.target_default)
    rest = {name: value for name, value in given.items() if name != "target_model_id"}
    body = validated(ComparisonBody, {**rest, "target_model_ids": [first, *others]})
    body = body.model_copy(update=_limited(body.iterations))
    specs, examples = asked_of_comparison(wiring(), body)
    return Order(digest_of({"comparison": body.model_dump(mode="json")}), specs, examples)


def _limited(iterations: int | None) -> dict[str, int]:
    return {"iterations": chosen_iterations(iterations, None, most=wiring().limits.iterations)}


def ordered_fork(job: Job, given: Mapping[str, object]) -> Order:
    """Return the order of a fork of the job; InvalidError if it cannot be had."""
    body = validated(ForkBody, given)
    spec, examples = asked_of_fork(wiring(), job, body)
    asked = {"fork": job.id, "body": body.model_dump(mode="json", exclude_unset=True)}
    return Order(digest_of(asked), [spec], examples)


def quotes_of(order: Order) -> list[QuoteState]:
    """Return what each job of the order would take."""
    parts = wiring()
    return [quote_state(parts.roles, spec, quoted(parts, spec, order.examples)) for spec in order.specs]


def sum_of(quotes: list[QuoteState]) -> ComparisonQuoteState:
    """Return what jobs that differ in their model would take together."""
    return quotes_state([(each.per_call[str(Role.TARGET)].model_id, each) for each in quotes])


def make(order: Order, key: str) -> Job:
    """Store the jobs of the order, once for the key, and return the first; UnavailableError if there is no room."""
    parts = wiring()
    refuse_while_draining(parts)
    first, *others = [new_job(parts, order.digest, spec, order.examples) for spec in order.specs]
    first = replace(first, idempotency_key=key if _KEY.fullmatch(key) else None)
    job_id, _ = insert_job(parts.database, *(compared([first, *others]) if others else [first]))
    return get_job(parts.database, job_id)
