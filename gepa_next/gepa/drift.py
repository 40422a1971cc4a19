"""Drift: whether a judge scores the anchors as it did before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import stdev

from gepa_next.gepa.anchors import ANCHORS, Anchor
from gepa_next.gepa.fingerprint import judge_fingerprint, metric_fingerprint
from gepa_next.gepa.judging import judge_call
from gepa_next.gepa.statistics import SAME, mean, student_quantile
from gepa_next.gepa.types import ModelCall

REPEATS = 2  # judgings of each anchor in one check
CONFIDENCE = 0.99  # with a check a day, one false alarm in a hundred days or so
FEWEST = 6  # anchors; of fewer nothing is concluded

Scores = Mapping[str, Sequence[float]]  # by anchor


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The mean scores of `n` anchors before and now, the mean shift with its 99 % interval, and if the judge moved."""

    n: int
    before: float
    now: float
    shift: float
    interval: tuple[float, float]
    moved: bool


def anchors_fingerprint(model_id: str) -> str:
    """Return a hash over the judge, the way it is asked, and the anchors; what differs in it is never compared."""
    return metric_fingerprint([asdict(anchor) for anchor in ANCHORS], judge_fingerprint(model_id))


def judgings_of_check() -> Iterator[tuple[Anchor, int]]:
    """Yield what a check asks: each anchor, as often as it is judged, numbered from 1."""
    return ((anchor, nth) for nth in range(1, REPEATS + 1) for anchor in ANCHORS)


def anchor_call(anchor: Anchor, *, key: str) -> ModelCall:
    """Return the question about an anchor; no earlier answer will do."""
    return judge_call(anchor.example, anchor.output, anchor.rubric, key=key, fresh=True)


def drift(before: Scores, now: Scores) -> Drift | None:
    """Compare by the anchors that have scores on both sides, Student's t, paired; None if these are too few."""
    both = [key for key in before if before[key] and now.get(key)]
    if len(both) < FEWEST:
        return None
    means = [(mean(before[key]), mean(now[key])) for key in both]
    shifts = [after - first for first, after in means]
    low, high = _interval(shifts)
    return Drift(
        n=len(both),
        before=mean([first for first, _ in means]),
        now=mean([after for _, after in means]),
        shift=mean(shifts),
        interval=(low, high),
        moved=low > SAME or high < -SAME,
    )


def _interval(shifts: Sequence[float]) -> tuple[float, float]:
    half = student_quantile(len(shifts) - 1, confidence=CONFIDENCE) * stdev(shifts) / sqrt(len(shifts))
    return mean(shifts) - half, mean(shifts) + half
