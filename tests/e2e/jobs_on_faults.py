"""The real runner and the real client on the fault server's models, with waits a thousandth as long."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from gepa_next.gepa.types import Role
from gepa_next.job_models import models_at
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.provider import Provider
from gepa_next.llm.transport import Transport
from gepa_next.llm.turnstile import Turnstile
from gepa_next.models import Job, JobSpec
from gepa_next.runner.job_run import Models, ModelsFor, SayWaiting
from gepa_next.runner.runner import Runner
from gepa_next.runner.tenure import Tenure
from gepa_next.store.database import Database
from gepa_next.store.jobs import find_job, get_job
from gepa_next.store.requests import Resumption, resume_job
from tests.store.jobs_on_file import insert

PATIENCE_S = 60
HASTE = 1000
CALLS_AT_ONCE = 8
JOB_ID = "job"
MODEL_IDS = {role: f"acme/{role}" for role in Role}

Urls = Mapping[Role, str]


def run_job(
    database: Database,
    urls: str | Urls,
    *,
    timeout_s: float = 10.0,
    stall_s: float = 10.0,
    connect_s: float = 10.0,
    patience_s: float = 86_400.0,
    calls_at_once: int = CALLS_AT_ONCE,
    job_id: str = JOB_ID,
    **spec: object,
) -> Job:
    """Return the job after it has ended, each role at its endpoint; the patience is a thousandth as long too.

    One that has ended before is resumed.
    """
    _insert_or_resume(database, job_id, **{"target_model_id": MODEL_IDS[Role.TARGET], **spec})
    limits = {"timeout_s": timeout_s, "stall_s": stall_s, "connect_s": connect_s}
    return go_on(database, urls, patience_s=patience_s, calls_at_once=calls_at_once, job_id=job_id, **limits)


def go_on(
    database: Database,
    urls: str | Urls,
    *,
    patience_s: float = 86_400.0,
    calls_at_once: int = CALLS_AT_ONCE,
    job_id: str = JOB_ID,
    **limits: float,
) -> Job:
    """Return the queued job after it has ended, in a runner that knows of no model whether it answers."""
    by_role = urls if isinstance(urls, Mapping) else dict.fromkeys(Role, urls)
    with opened(by_role, **limits) as providers:
        turnstile = Turnstile(patience_s=patience_s, clock=_clock, nap=_nap)
        models_for = _hasty(models_at(MODEL_IDS, providers, turnstile))
        runner = Runner(database, models_for, concurrent_jobs=1, concurrent_calls=calls_at_once)
        ended = threading.Event()
        database.listen(lambda: get_job(database, job_id).status.terminal and ended.set())
        runner.start()
        try:
            assert ended.wait(PATIENCE_S), "the job does not end"
        finally:
            runner.drain(PATIENCE_S)
    return get_job(database, job_id)


def _insert_or_resume(database: Database, job_id: str, **spec: object) -> None:
    job = find_job(database, job_id)
    if job is None:
        insert(database, job_id, judge=MODEL_IDS[Role.JUDGE], **spec)
    else:
        resume_job(database, Resumption(job_id=job_id, spec=job.spec, seen_event_id=job.last_event_id), now=time.time())


@contextmanager
def opened(urls: Urls, **limits: float) -> Iterator[dict[Role, Provider]]:
    made = {url: Provider(Endpoint(url, "sk-canary"), transport=Transport(**limits)) for url in {*urls.values()}}
    try:
        yield {role: made[url] for role, url in urls.items()}
    finally:
        for provider in made.values():
            provider.close()


def _clock() -> float:
    return time.monotonic() * HASTE


def _nap(event: threading.Event, seconds: float) -> bool:
    return event.wait(seconds / HASTE)


def _hasty(models_for: ModelsFor) -> ModelsFor:
    def models(job_id: str, spec: JobSpec, tenure: Tenure, say_waiting: SayWaiting) -> Models:
        def wait(seconds: float) -> None:
            tenure.wait(seconds / HASTE)

        made = models_for(job_id, spec, tenure, say_waiting)
        return {role: replace(model, ask=replace(model.ask, wait=wait)) for role, model in made.items()}

    return models
