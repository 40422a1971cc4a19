"""The receipt: what a reader needs to check a job's result, and to ask for the same again."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256

from gepa_next.api.edge.pacing import unhurried
from gepa_next.api.evidence.records import Mark
from gepa_next.api.jobs.states import fork_state, retest_state, warnings_of
from gepa_next.gepa.splits import default_sizes, divide
from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Candidate, Example
from gepa_next.models import Job, JobSpec
from gepa_next.receipts.seal import FORMAT, START, examples_hash, link, sealed
from gepa_next.store.database import Database
from gepa_next.store.events import iterate_events
from gepa_next.store.evidence import iterate_candidates, iterate_job_examples, list_usage
from gepa_next.streaming.frames import SCHEMA_VERSION, line
from gepa_next.version import VERSION

_ENCODER = json.JSONEncoder(ensure_ascii=False, indent=2, allow_nan=False)


def receipt(database: Database, job: Job, marks: Mapping[str, Mark]) -> Iterator[str]:
    """Yield the receipt as JSON, a few characters at a time; `marks` are those of the other artifacts."""
    examples = list(unhurried(iterate_job_examples(database, job.id)))
    parts = {
        "versions": {"gepa_next": VERSION, "receipt": FORMAT, "events": SCHEMA_VERSION},
        "job_id": job.id,
        "status": job.status,
        "stop_reason": job.stop_reason,
        "simulated": job.simulated,
        "spec": spec_body(job, examples),
        "judge": asdict(job.judge),
        "retest": retest_state(job.spec.retest),
        "forked_from": fork_state(job.spec.fork),
        "splits": _splits(job, examples),
        "near_duplicates": job.spec.near_duplicates,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "iterations": job.iteration,
        "rollouts": job.rollouts,
        "usage": {each.role: asdict(each) for each in list_usage(database, job.id)},
        "candidates": [_brief(each, mean) for each, mean in unhurried(iterate_candidates(database, job.id))],
        "champion": job.best_candidate_id,
        "result": job.result,
        "warnings": warnings_of(job),
        "events": {"count": job.last_event_id, "head": _head(database, job)},
        "artifacts": {name: asdict(mark) for name, mark in marks.items()},
    }
    yield from sealed(_ENCODER.iterencode(parts))


def _splits(job: Job, examples: Sequence[Example]) -> dict[str, object]:
    splits = divide(examples, job.split, seed=job.spec.seed, together=job.spec.near_duplicates)
    found = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {
        name: {"ids": [each.id for each in mine], "sha256": examples_hash(_contents(mine))}
        for name, mine in found.items()
    }


def _contents(examples: Iterable[Example]) -> Iterator[dict[str, object]]:
    return ({"id": each.id, "input": each.input, "ideal": each.ideal} for each in unhurried(examples))


def _brief(candidate: Candidate, mean: float | None) -> dict[str, object]:
    return {
        "id": candidate.id,
        "sha256": sha256(candidate.text.encode()).hexdigest(),
        "prompt_tokens": count_tokens(candidate.text),
        "parent_ids": candidate.parents,
        "operator": candidate.operator,
        "iteration": candidate.iteration,
        "decision": candidate.decision,
        "reason": candidate.reason,
        "score": mean,
    }


def _head(database: Database, job: Job) -> str:
    head = START
    for event in unhurried(iterate_events(database, job.id, upto=job.last_event_id)):
        head = link(head, line(event).encode())
    return head.hex()


def spec_body(job: Job, examples: Sequence[Example]) -> dict[str, object]:
    """Return the body of a request for the same job, with drafted examples as if they had been given."""
    spec = job.spec
    body: dict[str, object] = {
        **_target(spec),
        "rubric": spec.rubric,
        "metric": spec.metric,
        "constraints": {"keep": spec.keep, "max_prompt_tokens": spec.max_prompt_tokens},
        "budget": asdict(spec.budget),
        "iterations": spec.iterations,
        "population": spec.population,
        "minibatch": spec.minibatch,
        "temperature": spec.temperature,
        "max_tokens": spec.max_tokens,
        "seed": spec.seed,
        "cache": spec.cache,
        "metadata": spec.metadata,
        "examples": [
            {"id": each.id, "input": each.input, "ideal": each.ideal, "tags": each.tags, "meta": each.meta}
            for each in unhurried(examples)
        ],
    }
    if examples and job.split != default_sizes(len(examples)):  # the default may give an example two purposes
        body["split"] = {"train": job.split.train, "val": job.split.validation, "test": job.split.test}
    return body


def _target(spec: JobSpec) -> dict[str, object]:
    if spec.program_url is not None:
        return {"prompts": spec.prompts, "program_url": spec.program_url}
    return {"prompt": spec.prompt, "target_model_id": spec.target_model_id}
