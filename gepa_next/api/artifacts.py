"""Artifacts: files made from what was recorded, for people and for audits."""

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from gepa_next.models import Job
from gepa_next.store.database import Database
from gepa_next.store.evidence import (
    iterate_rollouts,
    list_candidates,
    list_job_examples,
    list_lessons,
    list_usage,
    validation_means,
)
from gepa_next.store.ledger import iterate_calls
from gepa_next.version import VERSION


@dataclass(frozen=True, slots=True)
class Artifact:
    """How an artifact is made."""

    content_type: str
    build: Callable[[Database, Job], bytes]


def returned_prompt(job: Job) -> str:
    """Return the champion, or the best so far, or the seed prompt."""
    return str(job.result["prompt"]) if job.result else job.best_prompt or job.spec.prompt


def _prompt(_: Database, job: Job) -> bytes:
    return returned_prompt(job).encode()


def _diff(_: Database, job: Job) -> bytes:
    lines = difflib.unified_diff(
        job.spec.prompt.splitlines(), returned_prompt(job).splitlines(), "seed", "champion", lineterm=""
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _candidates(database: Database, job: Job) -> bytes:
    means = validation_means(database, job.id)
    return _lines(
        {**asdict(each), "validation_score": means.get(each.id)} for each in list_candidates(database, job.id)
    )


def _rollouts(database: Database, job: Job) -> bytes:
    return _lines(asdict(each) for each in iterate_rollouts(database, job.id))


def _calls(database: Database, job: Job) -> bytes:
    return _lines(asdict(each) for each in iterate_calls(database, job.id))


def _lessons(database: Database, job: Job) -> bytes:
    rows = [
        f"- {each.text} (candidate {each.candidate_id}, iteration {each.iteration}{_gain(each.gain)})\n"
        for each in list_lessons(database, job.id)
    ]
    return "".join(["# Lessons\n\n", *(rows or ["None were learned.\n"])]).encode()


def _gain(gain: float | None) -> str:
    return "" if gain is None else f", minibatch difference {gain:+.2f}"


def _receipt(database: Database, job: Job) -> bytes:
    """Return what a reader needs to check the result, times and tokens included, without the examples' texts."""
    splits = job.spec.task(tuple(list_job_examples(database, job.id)))
    receipt = {
        "version": VERSION,
        "job_id": job.id,
        "status": job.status,
        "stop_reason": job.stop_reason,
        "simulated": job.simulated,
        "spec": asdict(job.spec),
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
    return (json.dumps(receipt, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def _lines(rows: Iterable[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows).encode()


_TEXT, _JSONL = "text/plain; charset=utf-8", "application/x-ndjson"
ARTIFACTS: Mapping[str, Artifact] = MappingProxyType(
    {
        "prompt.txt": Artifact(_TEXT, _prompt),
        "prompt.diff": Artifact(_TEXT, _diff),
        "candidates.jsonl": Artifact(_JSONL, _candidates),
        "rollouts.jsonl": Artifact(_JSONL, _rollouts),
        "calls.jsonl": Artifact(_JSONL, _calls),
        "lessons.md": Artifact("text/markdown; charset=utf-8", _lessons),
        "receipt.json": Artifact("application/json", _receipt),
    }
)
