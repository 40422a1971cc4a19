"""The report's section on time, made of the raw timings."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.search.markdown import section, table
from benchmarks.search.results import Result, Results, reached_at
from benchmarks.search.systems import DEFAULT, OURS

THREADS = (10, 50)  # the defaults of the reference's own adapter, and of our runners
SAYS = """\
Models that take time (target and judge 50 ms each, reflector 200 ms), 600 rollouts; medians over seeds. *Faster* is how
long the reference's run takes, through the time after which ours has, and keeps, the score at which that run ends, with
the same seed; *to its score* takes the time after which the reference has that score itself instead."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Ours and the reference on one seed: when each has the score at which the reference ends, and when that ends."""

    score: float
    ends_at: float
    theirs_at: float
    ours_at: float

    @property
    def faster(self) -> float:
        """How many times sooner ours is there than the reference's run is over."""
        return self.ends_at / self.ours_at


class Timings:
    """All timings of a file."""

    def __init__(self, timed: Iterable[Result]) -> None:
        timed = list(timed)
        self.with_threads = {n: Results(each for each in timed if each["threads"] == n) for n in THREADS}
        self.all = Results(timed)

    def pairs(self, family: str, threads: int) -> list[Pair]:
        """Return how ours and the reference fared with so many threads each, by seed."""
        return [
            Pair(score, ends_at, reached_at(theirs["curve"], score), reached_at(mine["curve"], score))
            for mine, theirs in self.with_threads[threads].pairs(family, OURS, DEFAULT)
            for ends_at, score in [theirs["curve"][-1]]
        ]


def timings_shown(timings: Timings) -> str:
    """Return the section, nothing if nothing was timed."""
    rows = [
        [family, f"{threads}", *_cells(pairs)]
        for family in timings.all.families
        for threads in THREADS
        if (pairs := timings.pairs(family, threads))
    ]
    head = ["family", "threads each", "seeds", "the reference ends at", "after s", "ours has that after s"]
    head += ["faster", "least to most", "to its score"]
    return section("## Time", SAYS, table(head, rows)) if rows else ""


def _cells(pairs: list[Pair]) -> list[str]:
    faster = [pair.faster for pair in pairs]
    at = [f"{median(values):.1f}" for values in ([p.ends_at for p in pairs], [p.ours_at for p in pairs], faster)]
    to_score = median(pair.theirs_at / pair.ours_at for pair in pairs)
    shown = [f"{len(pairs)}", f"{median(pair.score for pair in pairs):.2f}", *at]
    return [*shown, f"{min(faster):.1f}-{max(faster):.1f}", f"{to_score:.1f}"]
