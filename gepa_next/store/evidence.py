"""Evidence: candidates, rollouts and lessons of a job, as they were recorded."""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gepa_next.gepa.types import Candidate, Decision, Example, Lesson, Role, Rollout, Split
from gepa_next.models import Usage
from gepa_next.store.codec import example_from
from gepa_next.store.database import Database, Row

_CANDIDATES = (
    "SELECT id, iteration, text, prompts, parents, operator, decision, reason, score, parent_score, compared,"
    " (SELECT avg(rollouts.score) FROM rollouts WHERE rollouts.job_id = candidates.job_id"
    " AND candidate_id = candidates.id AND split = 'validation') AS validation_score"
    " FROM candidates WHERE job_id = ?"
)
_OUTCOMES = """
    SELECT event_id, max(position) AS position, candidate_id, split, json_group_array(example_id) AS example_ids,
        group_concat(coalesce(cast(round(10000 * score) AS INTEGER), -1)) AS scores
    FROM (SELECT event_id, position, candidate_id, split, example_id, score FROM rollouts
        WHERE job_id = ? AND (event_id, position) > (?, ?) AND event_id <= ? ORDER BY event_id, position LIMIT ?)
    GROUP BY event_id, candidate_id, split ORDER BY event_id, min(position)
"""
PAGE = 100  # rows may be long, and whoever reads them between two turns of others must be quick
PAGE_OF_OUTCOMES = 1000  # these are short
LONGEST_HEAD = 100


def iterate_candidates(database: Database, job_id: str) -> Iterator[tuple[Candidate, float | None]]:
    """Yield every candidate of the job, refused and rejected ones too, with its mean validation score in [0, 1].

    The mean is None where nothing was scored. Reads a page at a time.
    """
    after = -1
    while rows := database.rows(f"{_CANDIDATES} AND id > ? ORDER BY id LIMIT ?", (job_id, after, PAGE)):
        yield from ((candidate_from(row), row["validation_score"]) for row in rows)
        after = rows[-1]["id"]


def find_candidate(database: Database, job_id: str, candidate_id: int) -> tuple[Candidate, float | None] | None:
    """Return the candidate with its mean validation score in [0, 1], None if the job has none of that id."""
    row = database.row(f"{_CANDIDATES} AND id = ?", (job_id, candidate_id))
    return (candidate_from(row), row["validation_score"]) if row is not None else None


def iterate_ancestry(database: Database, job_id: str, candidate_id: int) -> Iterator[Candidate]:
    """Yield the candidate and all that it descends from, each once, the latest first."""
    waiting = {candidate_id}
    while waiting:
        found = find_candidate(database, job_id, max(waiting))
        waiting.discard(max(waiting))
        if found is not None:
            waiting |= {parent for parent in found[0].parents if parent < found[0].id}
            yield found[0]


class Outcomes(NamedTuple):
    """What a candidate's rollouts on some examples came to, without their texts, in the order of the examples.

    `example_ids` is a JSON list, the same text for the same examples; `scores` are whole numbers with commas between
    them, in ten thousandths, -1 for what failed.
    """

    candidate_id: int
    split: str
    example_ids: str
    scores: str


def iterate_outcomes(database: Database, job_id: str, *, after: int, upto: int) -> Iterator[Outcomes]:
    """Yield the rollouts told of by the events above `after`, up to `upto`, event after event, a page at a time.

    They come as text and by the hundred: SQLite puts that together several times as fast as it hands over rows.
    """
    event_id, position = after, 1 << 60
    while rows := database.rows(_OUTCOMES, (job_id, event_id, position, upto, PAGE_OF_OUTCOMES)):
        yield from (Outcomes(row["candidate_id"], row["split"], row["example_ids"], row["scores"]) for row in rows)
        event_id, position = max((row["event_id"], row["position"]) for row in rows)


def list_rollouts_on(database: Database, job_id: str, example_id: str, candidate_ids: Sequence[int]) -> list[Rollout]:
    """Return what came of the candidates on one example, the latest of each."""
    marks = ", ".join("?" * len(candidate_ids))
    rows = database.rows(
        "SELECT event_id, position, candidate_id, example_id, split, output, score, feedback, error, flags"  # noqa: S608 - marks
        f" FROM rollouts INDEXED BY rollouts_by_candidate WHERE job_id = ? AND candidate_id IN ({marks})"
        " AND example_id = ? ORDER BY event_id, position",
        (job_id, *candidate_ids, example_id),
    )
    return list({row["candidate_id"]: rollout_from(row) for row in rows}.values())


def find_job_example(database: Database, job_id: str, example_id: str) -> Example | None:
    """Return an example of the job, None if it has none of that id."""
    row = database.row(
        "SELECT id, input, ideal, tags, meta, synthetic FROM examples WHERE job_id = ? AND id = ?", (job_id, example_id)
    )
    return example_from(row, synthetic=bool(row["synthetic"])) if row is not None else None


class ExampleHead(NamedTuple):
    """An example's id and how its input begins."""

    id: str
    beginning: str


def iterate_example_heads(database: Database, job_id: str) -> Iterator[ExampleHead]:
    """Yield the job's examples, given or drafted, without most of their texts."""
    after = -1
    while rows := database.rows(
        "SELECT position, id, substr(input, 1, ?) AS beginning FROM examples WHERE job_id = ? AND position > ?"
        " ORDER BY position LIMIT ?",
        (LONGEST_HEAD, job_id, after, PAGE_OF_OUTCOMES),
    ):
        yield from (ExampleHead(row["id"], row["beginning"]) for row in rows)
        after = rows[-1]["position"]


def iterate_rollouts(database: Database, job_id: str) -> Iterator[Rollout]:
    """Yield every rollout of the job in the order recorded, reading a page at a time."""
    event_id, position = 0, -1
    while rows := database.rows(
        "SELECT event_id, position, candidate_id, example_id, split, output, score, feedback, error, flags"
        " FROM rollouts WHERE job_id = ? AND (event_id, position) > (?, ?) ORDER BY event_id, position LIMIT ?",
        (job_id, event_id, position, PAGE),
    ):
        yield from map(rollout_from, rows)
        event_id, position = rows[-1]["event_id"], rows[-1]["position"]


def iterate_rollouts_of(database: Database, job_id: str, candidate_id: int, *, split: Split) -> Iterator[Rollout]:
    """Yield the rollouts of one candidate on one split in the order recorded, reading a page at a time."""
    event_id, position = 0, -1
    while rows := database.rows(  # without the index SQLite reads all of the job, for that is in order
        "SELECT event_id, position, candidate_id, example_id, split, output, score, feedback, error, flags"
        " FROM rollouts INDEXED BY rollouts_by_candidate WHERE job_id = ? AND candidate_id = ? AND split = ?"
        " AND (event_id, position) > (?, ?) ORDER BY event_id, position LIMIT ?",
        (job_id, candidate_id, split, event_id, position, PAGE),
    ):
        yield from map(rollout_from, rows)
        event_id, position = rows[-1]["event_id"], rows[-1]["position"]


def list_lessons(database: Database, job_id: str) -> list[Lesson]:
    """Return the job's lessons in the order they were learned."""
    rows = database.rows(
        "SELECT id, text, candidate_id, iteration, gain FROM lessons WHERE job_id = ? ORDER BY id", (job_id,)
    )
    return [lesson_from(row) for row in rows]


def iterate_job_examples(database: Database, job_id: str) -> Iterator[Example]:
    """Yield the job's examples, given or drafted, reading a page at a time."""
    after = -1
    while rows := database.rows(
        "SELECT position, id, input, ideal, tags, meta, synthetic FROM examples WHERE job_id = ? AND position > ?"
        " ORDER BY position LIMIT ?",
        (job_id, after, PAGE),
    ):
        yield from (example_from(row, synthetic=bool(row["synthetic"])) for row in rows)
        after = rows[-1]["position"]


def list_usage(database: Database, job_id: str) -> list[Usage]:
    """Return what the job consumed, by role."""
    rows = database.rows(
        "SELECT role, calls, input_tokens, output_tokens, cost_usd, unpriced FROM usage WHERE job_id = ? ORDER BY role",
        (job_id,),
    )
    return [
        Usage(
            role=Role(row["role"]),
            calls=row["calls"],
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            cost_usd=None if row["unpriced"] else row["cost_usd"],
            known_cost_usd=row["cost_usd"],
        )
        for row in rows
    ]


def candidate_from(row: Row) -> Candidate:
    """Return the candidate of a row."""
    return Candidate(
        id=row["id"],
        text=row["text"],
        prompts=json.loads(row["prompts"]),
        parents=tuple(json.loads(row["parents"])),
        operator=row["operator"],
        iteration=row["iteration"],
        decision=Decision(row["decision"]),
        reason=row["reason"],
        score=row["score"],
        parent_score=row["parent_score"],
        compared=row["compared"],
    )


def rollout_from(row: Row) -> Rollout:
    """Return the rollout of a row."""
    return Rollout(
        candidate_id=row["candidate_id"],
        example_id=row["example_id"],
        split=Split(row["split"]),
        output=row["output"],
        score=row["score"],
        feedback=row["feedback"],
        error=row["error"],
        flags=tuple(json.loads(row["flags"])),
    )


def lesson_from(row: Row) -> Lesson:
    """Return the lesson of a row."""
    return Lesson(
        id=row["id"],
        text=row["text"],
        candidate_id=row["candidate_id"],
        iteration=row["iteration"],
        gain=row["gain"],
    )
