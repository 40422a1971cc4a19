"""The page of one job, as the server shows it: readable at once and without scripts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from flask import Response

from gepa_next.api.edge.auth import token, token_id
from gepa_next.api.edge.errors import STATUS_BY_CODE
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.evidence.artifacts import ARTIFACTS, REPORT
from gepa_next.api.jobs.states import job_state
from gepa_next.api.words import STOP_REASONS
from gepa_next.errors import InvalidError, RefusedError
from gepa_next.gepa.types import Candidate
from gepa_next.models import Job, PinnedVersion, StoredEvent
from gepa_next.store.events import list_events
from gepa_next.store.evidence import iterate_ancestry, list_lessons, list_usage
from gepa_next.store.forks import list_forks
from gepa_next.store.jobs import find_job, get_job, list_compared_jobs
from gepa_next.store.pins import list_versions_of_job
from gepa_next.web import resuming, words
from gepa_next.web.admission import render
from gepa_next.web.forms.fields import ITERATIONS, LIMITS

LATEST_EVENTS = 30
LATEST_LESSONS = 20
MOST_ANCESTORS = 30


@dataclass(frozen=True, slots=True)
class Relations:
    """What a job has to do with other jobs, and under which names it is pinned."""

    has_origin: bool
    forks: list[str]
    compared: int
    pins: list[PinnedVersion]


def job_page(job_id: str, *, refused: RefusedError | None = None) -> Response:
    """Return the page of the job, with what was refused if something was; NotFoundError for another token's."""
    database = wiring().database
    job = get_job(database, job_id, token_id=token_id())
    latest = list_events(database, job_id, after=max(0, job.last_event_id - LATEST_EVENTS), limit=LATEST_EVENTS)
    return render(
        "job.html",
        status=STATUS_BY_CODE[refused.code] if refused else 200,
        problem=_said(refused) if refused else "",
        job=job_state(job, list_usage(database, job.id)).model_dump(mode="json"),
        seed_prompt=job.spec.prompt,
        last_event_id=job.last_event_id,
        stop_reasons=dict(STOP_REASONS),
        resuming={"fields": dict(resuming.LIMITS), "needs": resuming.needs()},
        elapsed_s=_elapsed_s(latest),
        best_candidate_id=job.best_candidate_id,
        lessons=list_lessons(database, job_id)[: -LATEST_LESSONS - 1 : -1],
        events=[words.told(each) for each in reversed(latest)],
        ancestors=_ancestors(job),
        files=[name for name in ARTIFACTS if name != REPORT],
        relations=_relations(job),
        limits=limit_texts(job),
        can_write="write" in token().scopes,
    )


def _elapsed_s(latest: Sequence[StoredEvent]) -> float | None:
    """Return how long the job has been at work as its latest event tells it, which is what scripts show too."""
    told = (json.loads(each.data).get("elapsed_s") for each in reversed(latest))
    return next((each for each in told if each is not None), None)


def limit_texts(job: Job) -> dict[str, str]:
    """Return the limits of the job as their fields have them, by name; an empty text is none."""
    values = {each.name: getattr(job.spec.budget, each.name.removeprefix("budget.")) for each in LIMITS}
    values[ITERATIONS.name] = job.spec.iterations
    return {name: "" if value is None else f"{value:.15g}" for name, value in values.items()}


def _said(refused: RefusedError) -> str:
    labels = {each.name: each.label for each in (ITERATIONS, *LIMITS)}
    details = refused.details if isinstance(refused, InvalidError) else []
    return "; ".join(f"{labels.get(path, path)}: {message}" for path, message in details) or refused.message


def _ancestors(job: Job) -> list[Candidate]:
    """Return the best candidate and what it descends from, the first one first."""
    if job.best_candidate_id is None:
        return []
    found = islice(iterate_ancestry(wiring().database, job.id, job.best_candidate_id), MOST_ANCESTORS)
    return list(found)[::-1]


def _relations(job: Job) -> Relations:
    database = wiring().database
    origin = find_job(database, job.spec.fork.job_id) if job.spec.fork else None
    compared = list_compared_jobs(database, job.comparison_id, token_id=job.token_id) if job.comparison_id else []
    return Relations(
        has_origin=origin is not None and origin.token_id == job.token_id,
        forks=list_forks(database, job.token_id, job.id),
        compared=len(compared),
        pins=list_versions_of_job(database, job.token_id, job.id),
    )
