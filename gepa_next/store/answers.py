"""Answers: what the target's outputs took, as the ledger knows it."""

from collections.abc import Iterable
from math import fsum

from gepa_next.gepa.objectives import Answers
from gepa_next.store.database import Database, Row

UNKNOWN = Answers()

# An answer from the cache took what it took when it was given.
_TAKEN = """
    SELECT key,
        CASE status WHEN 'done' THEN output_tokens ELSE (
            SELECT output_tokens FROM calls AS given
            WHERE given.question = calls.question AND given.status = 'done' LIMIT 1) END AS output_tokens,
        CASE status WHEN 'done' THEN cost_usd ELSE (
            SELECT cost_usd FROM calls AS given
            WHERE given.question = calls.question AND given.status = 'done' LIMIT 1) END AS cost_usd
    FROM calls WHERE job_id = ? AND key >= ? AND key < ? AND status IN ('done', 'cached') ORDER BY started_at
"""


def answers_of(database: Database, job_id: str, candidate_ids: Iterable[int], *, example_ids: Iterable[str]) -> Answers:
    """Return what the answers on the examples took on average; unknown if it is for one of them.

    The candidates have one text, and the answers to it were paid for under any of them.
    """
    taken: dict[str, Row] = {}
    for prefix in (f"target/{each}" for each in candidate_ids):
        rows = database.rows(_TAKEN, (job_id, f"{prefix}/", f"{prefix}0"))  # "0" comes after "/"
        taken |= {row["key"].split("/")[2]: row for row in rows}  # the last of an example is the one that was scored
    mine = [taken.get(each) for each in example_ids]
    return Answers(output_tokens=_mean(mine, "output_tokens"), cost_usd=_mean(mine, "cost_usd"))


def _mean(rows: Iterable[Row | None], name: str) -> float | None:
    values = [None if row is None else row[name] for row in rows]
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known and len(known) == len(values) else None
