"""What a fork is made of: what another job has come to, and what is to be otherwise."""

from dataclasses import replace

from gepa_next.api.edge.wiring import Wiring
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.api.forks.shapes import ForkBody
from gepa_next.api.jobs.costs import refuse_unknowable_cost
from gepa_next.api.jobs.intake import chosen_iterations, refuse_simulator, refuse_too_small
from gepa_next.api.jobs.programs import OF_MODELS, refuse_unlisted
from gepa_next.api.jobs.raising import changed_budget, usable_of
from gepa_next.gepa.spending import NOTHING_SPENT, add_spending
from gepa_next.gepa.types import Candidate, Decision, Example
from gepa_next.metrics import asks_judge, scoring_fingerprint
from gepa_next.models import Fork, Job, JobSpec
from gepa_next.store.database import Database
from gepa_next.store.evidence import find_candidate, iterate_job_examples
from gepa_next.store.forks import dearest_calls, find_checkpoint, scored_examples, was_tested

MAY_BE_NULL = ("temperature", "max_tokens")  # which then are not sent


def asked_of_fork(parts: Wiring, job: Job, body: ForkBody) -> tuple[JobSpec, tuple[Example, ...]]:
    """Return the spec and examples of a fork of the job; InvalidError names what cannot be had of it."""
    if job.spec.retest is not None:
        raise invalid("job_id", "it is a re-test, which has nothing to go on from")
    begun = _begun(parts.database, job, body)
    spec = replace(begun, cache=job.spec.cache if body.cache is None else body.cache)
    spec = _with_target(parts, spec, body)
    spec = _with_limits(job.spec, _sharing(parts, job, spec), body, most_iterations=parts.limits.iterations)
    refuse_unknowable_cost(parts.roles, spec)
    return spec, tuple(iterate_job_examples(parts.database, job.id))


def _begun(database: Database, job: Job, body: ForkBody) -> JobSpec:
    """Return the job's spec from the candidate or event on."""
    fork = _of_event(database, job, body.event_id) if body.event_id else _of_candidate(database, job, body)
    spec = replace(job.spec, split=job.split, metadata=body.metadata, fork=fork)
    if fork.candidate_id is None:
        return spec
    chosen = _candidate(database, job, fork.candidate_id)
    return replace(spec, prompt=chosen.text, prompts=chosen.prompts)


def _of_event(database: Database, job: Job, event_id: int) -> Fork:
    if event_id > job.last_event_id:
        raise invalid("event_id", f"the job has no such event; its last one is {job.last_event_id}")
    found = find_checkpoint(database, job.id, upto=event_id)
    if found is None:
        raise invalid("event_id", "the seed prompt had not been run by then, so there is nothing to begin with")
    return Fork(
        job_id=job.id,
        candidate_id=None,
        event_id=event_id,
        checkpoint=found.event_id,
        heir=found.leader or (job.spec.fork.heir if job.spec.fork else None),
        test_seen=_test_seen(database, job),
        shares=False,
    )


def _of_candidate(database: Database, job: Job, body: ForkBody) -> Fork:
    returned = (job.result or {}).get("candidate_id", job.best_candidate_id)
    candidate_id = returned if body.candidate_id is None else body.candidate_id
    found = find_checkpoint(database, job.id, upto=job.last_event_id)
    if found is None or not isinstance(candidate_id, int):
        raise invalid("candidate_id", "the job has no candidates so far")
    return Fork(
        job_id=job.id,
        candidate_id=candidate_id,
        event_id=None,
        checkpoint=found.event_id,
        heir=None,
        test_seen=_test_seen(database, job),
        shares=False,
    )


def _candidate(database: Database, job: Job, candidate_id: int) -> Candidate:
    found = find_candidate(database, job.id, candidate_id)
    if found is None:
        raise invalid("candidate_id", f"the job has no candidate {candidate_id}")
    if found[0].decision is Decision.REFUSED:
        raise invalid("candidate_id", f"a guard refused it: {found[0].reason}")
    return found[0]


def _test_seen(database: Database, job: Job) -> bool:
    return was_tested(database, job.id) or (job.spec.fork is not None and job.spec.fork.test_seen)


def _with_target(parts: Wiring, spec: JobSpec, body: ForkBody) -> JobSpec:
    if spec.program_url is not None:
        for name in OF_MODELS:
            if getattr(body, name) is not None:
                raise invalid(name, "the job's target is a program, which has none; it is a setting of models")
        url = body.program_url or spec.program_url
        refuse_unlisted(url, parts.programs)
        return replace(spec, program_url=url, target_model_id=url)
    if body.program_url is not None:
        raise invalid("program_url", "the job's target is a model, and a program needs components of its own")
    target = body.target_model_id or spec.target_model_id
    refuse_simulator(target, simulated=parts.roles.simulated)
    sent = {name: getattr(body, name) for name in MAY_BE_NULL if name in body.model_fields_set}
    return replace(spec, target_model_id=target, **sent)


def _sharing(parts: Wiring, job: Job, spec: JobSpec) -> JobSpec:
    """Return the spec with the rollouts it shares: none unless they would be made, and scored, in the same way."""
    fork = spec.fork
    same = fork is not None and spec.cache and job.simulated == parts.roles.simulated
    same = (
        same
        and _way(spec) == _way(job.spec)
        and scoring_fingerprint(spec, parts.roles.judge_model_id) == job.judge.fingerprint
    )
    if fork is None or not same:
        return spec
    before = job.spec.fork.dearest if job.spec.fork else NOTHING_SPENT
    shared = scored_examples(parts.database, fork)
    fork = replace(
        fork,
        shares=True,
        shared_rollouts=sum(map(len, shared.values())),
        dearest=add_spending(before, dearest_calls(parts.database, job.id, upto=fork.checkpoint)),
    )
    return replace(spec, fork=fork)


def _way(spec: JobSpec) -> tuple[object, ...]:
    """Return all that an output depends on besides prompt and input, and whether answers are lent at all."""
    return spec.target_model_id, spec.program_url, spec.temperature, spec.max_tokens, spec.cache


def _with_limits(old: JobSpec, spec: JobSpec, body: ForkBody, *, most_iterations: int) -> JobSpec:
    iterations = chosen_iterations(body.iterations or old.iterations, None, most=most_iterations)
    spec = replace(
        spec,
        iterations=iterations,
        population=body.population or old.population,
        minibatch=body.minibatch or old.minibatch,
    )
    budget = changed_budget(old, body.budget, usable=usable_of(spec))
    refuse_too_small(budget, spec.split, judged=asks_judge(spec.metric))
    return replace(spec, budget=budget)
