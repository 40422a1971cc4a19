"""What the page of a job fetches beside the event stream; made for it alone, and changed with it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from flask import Blueprint, Response, jsonify

from gepa_next.api.edge.auth import token_id
from gepa_next.api.edge.pacing import in_chunks
from gepa_next.api.edge.paging import number, refuse_unknown
from gepa_next.api.edge.wiring import wiring
from gepa_next.errors import DamagedError, NotFoundError
from gepa_next.gepa.types import Candidate, Rollout
from gepa_next.models import Job
from gepa_next.store.codec import to_json
from gepa_next.store.database import Database
from gepa_next.store.events import iterate_events
from gepa_next.store.evidence import (
    find_job_example,
    iterate_ancestry,
    iterate_example_heads,
    iterate_outcomes,
    list_rollouts_on,
)
from gepa_next.store.jobs import get_job
from gepa_next.web.packing import packed

bp = Blueprint("data", __name__, url_prefix="/jobs")

LARGEST = 2**63 - 1
SPLITS = {"train": 0, "validation": 1, "test": 2}


@bp.get("/<job_id>/history")
def history(job_id: str) -> Response:
    """Return the events after one, all that there are by now in one piece, and whether they were the last."""
    after, job = _after(), _job(job_id)
    return _streamed(_history(wiring().database, job, after))


def _history(database: Database, job: Job, after: int) -> Iterator[str]:
    """Yield `{events: [[id, type, ts, data]], ended}`; an event's data is the text that was committed.

    Up to one that cannot be read: the event stream, which goes on from there, says what is wrong with it.
    """
    yield '{"events":['
    before = ""
    with suppress(DamagedError):
        for each in iterate_events(database, job.id, after=after, upto=job.last_event_id):
            yield f'{before}[{each.id},"{each.type}",{round(each.ts, 3)},{each.data}]'
            before, after = ",", each.id
    yield f'],"ended":{json.dumps(job.status.terminal and after >= job.last_event_id)}}}'


@bp.get("/<job_id>/scores")
def scores(job_id: str) -> Response:
    """Return the examples and what every rollout told of after an event came to."""
    after, job = _after(), _job(job_id)
    return _streamed(_scores(wiring().database, job, after))


def _scores(database: Database, job: Job, after: int) -> Iterator[str]:
    """Yield `{upto, examples: [[id, beginning]], outcomes: [[candidate, split, [place of an example], [score]]]}`.

    The examples are told once, to who asks for everything. Scores are ten thousandths, -1 is a rollout that failed.
    """
    places: dict[str, int] = {}
    yield f'{{"upto":{job.last_event_id},"examples":['
    for place, head in enumerate(iterate_example_heads(database, job.id)):
        places[head.id] = place
        if not after:
            yield f"{',' if place else ''}{to_json(head)}"
    yield '],"outcomes":['
    placed = cache(lambda ids: ",".join(str(places[each]) for each in json.loads(ids)))  # many have the same examples
    before = ""
    for each in iterate_outcomes(database, job.id, after=after, upto=job.last_event_id):
        yield f"{before}[{each.candidate_id},{SPLITS[each.split]},[{placed(each.example_ids)}],[{each.scores}]]"
        before = ","
    yield "]}"


@bp.get("/<job_id>/case/<candidate_id>/<example_id>")
def case(job_id: str, candidate_id: str, example_id: str) -> Response:
    """Return an example and what the candidate and the seed prompt made of it."""
    refuse_unknown()
    job, candidate = _job(job_id), _candidate_id(candidate_id)
    database = wiring().database
    example = find_job_example(database, job.id, example_id)
    if example is None:
        raise NotFoundError("there is no such example")
    rollouts = list_rollouts_on(database, job.id, example.id, [0, candidate])
    shown = {"id": example.id, "input": example.input, "ideal": example.ideal, "tags": example.tags}
    return jsonify({"example": shown, "rollouts": [_rollout(each) for each in rollouts]})


def _rollout(rollout: Rollout) -> dict[str, object]:
    return {
        "candidate_id": rollout.candidate_id,
        "split": rollout.split,
        "output": rollout.output,
        "score": rollout.score,
        "feedback": rollout.feedback,
        "error": rollout.error,
        "flags": rollout.flags,
    }


@bp.get("/<job_id>/ancestry/<candidate_id>")
def ancestry(job_id: str, candidate_id: str) -> Response:
    """Return the candidate and all that it descends from, with their texts, the latest first."""
    refuse_unknown()
    job, candidate = _job(job_id), _candidate_id(candidate_id)
    found = iterate_ancestry(wiring().database, job.id, candidate)
    latest = next(found, None)
    if latest is None:
        raise NotFoundError("there is no such candidate")
    return _streamed(_ancestry(latest, found))


def _ancestry(latest: Candidate, others: Iterator[Candidate]) -> Iterator[str]:
    yield f'{{"items":[{to_json(_candidate(latest))}'
    for each in others:
        yield f",{to_json(_candidate(each))}"
    yield "]}"


def _candidate(candidate: Candidate) -> dict[str, object]:
    return {
        "id": candidate.id,
        "parent_ids": candidate.parents,
        "iteration": candidate.iteration,
        "text": candidate.text,
    }


def _streamed(pieces: Iterator[str]) -> Response:
    """Return JSON that is sent, and made smaller, as it is made."""
    headers = {"Cache-Control": "no-store"}
    return packed(Response(in_chunks(pieces), content_type="application/json", headers=headers))


def _after() -> int:
    refuse_unknown("after")
    return number("after", smallest=0, largest=LARGEST) or 0


def _job(job_id: str) -> Job:
    return get_job(wiring().database, job_id, token_id=token_id())


def _candidate_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - far from what SQLite cannot hold
        raise NotFoundError("there is no such candidate")
    return int(text)
