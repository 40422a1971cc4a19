"""The receipt: what a reader needs to check a job's result, and to ask for the same again."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from gepa_next.api.pacing import unhurried
from gepa_next.gepa.splits import default_sizes, divide
from gepa_next.gepa.types import Example
from gepa_next.models import Job, JobSpec
from gepa_next.store.database import Database
from gepa_next.store.evidence import iterate_job_examples, list_usage
from gepa_next.version import VERSION


def receipt(database: Database, job: Job) -> Iterator[str]:
    """Yield the receipt as JSON, a few characters at a time."""
    examples = list(unhurried(iterate_job_examples(database, job.id)))
    splits = divide(examples, job.split, seed=job.spec.seed)
    parts = {
        "version": VERSION,
        "job_id": job.id,
        "status": job.status,
        "stop_reason": job.stop_reason,
        "simulated": job.simulated,
        "spec": spec_body(job, examples),
        "judge": asdict(job.judge),
        "splits": {
            "train": [each.id for each in splits.train],
            "validation": [each.id for each in splits.validation],
            "test": [each.id for each in splits.test],
        },
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "iterations": job.iteration,
        "rollouts": job.rollouts,
        "usage": {each.role: asdict(each) for each in list_usage(database, job.id)},
        "events": job.last_event_id,
        "result": job.result,
    }
    yield from json.JSONEncoder(ensure_ascii=False, indent=2, allow_nan=False).iterencode(parts)
    yield "\n"


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
