"""Comparisons of targets: what of their jobs stands side by side."""

from dataclasses import dataclass

from gepa_next.store.database import Database

TAIL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long the answers of a job's target took."""

    median_s: float
    p95_s: float


def target_latency(database: Database, job_id: str) -> Latency | None:
    """Return how long the calls of the target that were answered took, retries included; None without any."""
    rows = database.rows(
        "SELECT latency_s FROM ("
        " SELECT latency_s, row_number() OVER (ORDER BY latency_s) AS place, count(*) OVER () AS n FROM calls"
        " WHERE job_id = ? AND role = 'target' AND status = 'done' AND latency_s IS NOT NULL)"
        " WHERE place IN ((n + 1) / 2, cast(ceil(? * n) AS INTEGER)) ORDER BY place",
        (job_id, TAIL),
    )
    return Latency(median_s=rows[0]["latency_s"], p95_s=rows[-1]["latency_s"]) if rows else None


def test_scores(database: Database, job_id: str, candidate_id: int) -> tuple[tuple[str, float], ...]:
    """Return the candidate's scores on the held-out examples, by example; of two of one the later counts."""
    rows = database.rows(
        "SELECT example_id, score FROM rollouts WHERE job_id = ? AND candidate_id = ? AND split = 'test'"
        " AND score IS NOT NULL ORDER BY event_id, position",
        (job_id, candidate_id),
    )
    return tuple(sorted({row["example_id"]: row["score"] for row in rows}.items()))
