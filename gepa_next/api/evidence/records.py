"""Records of a job as files, for people and for audits."""

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from types import MappingProxyType

from gepa_next.api.evidence.gepa_viz import run_pieces
from gepa_next.gepa.types import Candidate, Rollout
from gepa_next.models import Job, LedgerCall
from gepa_next.store.database import Database
from gepa_next.store.events import iterate_events
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts, list_lessons
from gepa_next.store.ledger import iterate_calls
from gepa_next.streaming.frames import line


@dataclass(frozen=True, slots=True)
class Record:
    """How a record is made, piece by piece."""

    content_type: str
    pieces: Callable[[Database, Job], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What an artifact is told by."""

    bytes: int
    sha256: str


def returned_prompt(job: Job) -> str:
    """Return the champion, or the best so far, or the seed prompt."""
    return str(job.result["prompt"]) if job.result else job.best_prompt or job.spec.prompt


def _prompt(_: Database, job: Job) -> Iterator[str]:
    yield returned_prompt(job)


def _diff(_: Database, job: Job) -> Iterator[str]:
    lines = difflib.unified_diff(
        job.spec.prompt.splitlines(), returned_prompt(job).splitlines(), "seed", "champion", lineterm=""
    )
    return (f"{line}\n" for line in lines)


def _candidates(database: Database, job: Job) -> Iterator[str]:
    values = _values_of(Candidate)
    return (
        _line({**values(each), "validation_score": mean}) for each, mean in iterate_candidates(database, job.id)
    )  # fmt: skip


def _rollouts(database: Database, job: Job) -> Iterator[str]:
    return map(_line, map(_values_of(Rollout), iterate_rollouts(database, job.id)))


def _calls(database: Database, job: Job) -> Iterator[str]:
    return map(_line, map(_values_of(LedgerCall), iterate_calls(database, job.id)))


def _events(database: Database, job: Job) -> Iterator[str]:
    return (f"{line(each)}\n" for each in iterate_events(database, job.id, upto=job.last_event_id))


def _lessons(database: Database, job: Job) -> Iterator[str]:
    yield "# Lessons\n\n"
    lessons = list_lessons(database, job.id)
    yield from (
        f"- {each.text} (candidate {each.candidate_id}, iteration {each.iteration}{_gain(each.gain)})\n"
        for each in lessons
    )
    if not lessons:
        yield "None were learned.\n"


def _gain(gain: float | None) -> str:
    return "" if gain is None else f", difference {gain:+.2f}"


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _line(row: Mapping[str, object]) -> str:
    return _encode(row) + "\n"


def _values_of(kind: type) -> Callable[[object], dict[str, object]]:
    """Return what makes a dict of an instance: `asdict` copies everything inside too, for the most part of the time."""
    names = [each.name for each in fields(kind)]
    values = attrgetter(*names)
    return lambda instance: dict(zip(names, values(instance), strict=True))


_TEXT, _JSONL = "text/plain; charset=utf-8", "application/x-ndjson"
RECORDS: Mapping[str, Record] = MappingProxyType(
    {
        "prompt.txt": Record(_TEXT, _prompt),
        "prompt.diff": Record(_TEXT, _diff),
        "candidates.jsonl": Record(_JSONL, _candidates),
        "rollouts.jsonl": Record(_JSONL, _rollouts),
        "calls.jsonl": Record(_JSONL, _calls),
        "events.jsonl": Record(_JSONL, _events),
        "run.json": Record("application/json", run_pieces),
        "lessons.md": Record("text/markdown; charset=utf-8", _lessons),
    }
)
