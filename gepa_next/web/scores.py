"""The two scores that a page tells a job by, and the examples that they are means over; model.js tells them alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gepa_next.api.words import many, score

TO_SELECT_BY = "to select by"

Json = Mapping[str, Any]  # Any: a job's state


@dataclass(frozen=True, slots=True)
class Scores:
    """Of a finished job those that its verdict is about, else the best so far.

    `name` says what the second is, `on` of which examples, and `selected` the score that chose the champion, if that
    is another one.
    """

    seed: float | None
    best: float | None
    name: str
    on: str
    selected: str = ""


def scores_of(job: Json) -> Scores:
    """Return the scores that the job is told by: of the held-out test if there was one."""
    result = job["result"]
    if result is None:
        return Scores(
            job["seed_score"],
            job["best_score"],
            _name(job),
            "on the examples" + ("" if job["retest"] else f" {TO_SELECT_BY}"),
        )
    if test := result["test"]:
        selected = f"{score(job['best_score'])} on the examples {TO_SELECT_BY}"
        on = f"on {many(test['n'], 'held-out example')}"
        return Scores(test["seed_score"], test["score"], "Held-out score", on, selected)
    found = result["retest"] if job["retest"] else result["nondominated"]
    on = f"on {many(found['n'] if found else 0, 'example')}" + ("" if job["retest"] else f" {TO_SELECT_BY}")
    return Scores(result["seed_score"], result["score"], _name(job), on)


def _name(job: Json) -> str:
    return "Pinned prompt" if job["retest"] else "Best score"
