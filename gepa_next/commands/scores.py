"""The two scores that a job is told by, and the examples that they are means over."""

from dataclasses import dataclass

from gepa_next.client import Job
from gepa_next.commands.terminal import score

SO_FAR = "best so far"


@dataclass(frozen=True, slots=True)
class Scores:
    """Of a finished job those that its verdict is about, else the best so far; `on` says which, empty without any."""

    seed: float | None
    best: float | None
    on: str

    def __str__(self) -> str:
        return f"{score(self.seed)} -> {score(self.best)}"


def scores_of(job: Job) -> Scores:
    """Return the scores that the job is told by: of the held-out test if there was one."""
    if (result := job.result) is None:
        return Scores(job.seed_score, job.best_score, "" if job.best_score is None else SO_FAR)
    if (test := result.test) is not None:
        return Scores(test.seed_score, test.score, f"on {_many(test.n, 'held-out example')}")
    if job.retest is not None:
        return Scores(result.seed_score, result.score, f"on {_many((result.retest or {}).get('n', 0), 'example')}")
    n = (result.nondominated or {}).get("n", 0)
    return Scores(result.seed_score, result.score, f"on {_many(n, 'example')} to select by")


def _many(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"
