"""Agreement: how a judge's scores go with those that people gave the same outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, sqrt

from gepa_next.gepa.ranks import ranks
from gepa_next.gepa.replies import SCORE_POINTS
from gepa_next.gepa.statistics import mean

CHARACTERS = 1000  # that the slope is told for
NO_SPREAD = 1e-12  # what rounding leaves where nothing varies


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What `n` outputs with two scores each tell; errors are the judge's score less the human one, in [-1, 1].

    `exact` and `within_one` are shares of the outputs, on the judge's scale of whole points. `length_slope` is by how
    much the error rises with 1000 characters more of output. A correlation is None where one side does not vary.
    """

    n: int
    exact: float
    within_one: float
    spearman: float | None
    mean_error: float
    mean_absolute_error: float
    length_correlation: float | None
    length_slope: float | None


def agreement(judged: Sequence[float], human: Sequence[float], lengths: Sequence[int]) -> Agreement:
    """Compare scores in [0, 1], of which there is one at least, and the lengths of the outputs in characters."""
    apart = [abs(points(mine) - points(theirs)) for mine, theirs in zip(judged, human, strict=True)]
    errors = [mine - theirs for mine, theirs in zip(judged, human, strict=True)]
    return Agreement(
        n=len(errors),
        exact=mean([each == 0 for each in apart]),
        within_one=mean([each <= 1 for each in apart]),
        spearman=correlation(ranks(judged), ranks(human)),
        mean_error=mean(errors),
        mean_absolute_error=mean([abs(each) for each in errors]),
        length_correlation=correlation(errors, lengths),
        length_slope=_slope(errors, lengths),
    )


def points(score: float) -> int:
    """Return the whole points of the judge's scale that are nearest to a score in [0, 1]; a half is rounded up."""
    return floor(score * SCORE_POINTS + 0.5 + 1e-9)


def correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Return Pearson's coefficient, of ranks Spearman's; None where one side does not vary."""
    spread = sqrt(_products(one, one) * _products(other, other))
    return max(-1.0, min(1.0, _products(one, other) / spread)) if spread > NO_SPREAD else None


def _slope(errors: Sequence[float], lengths: Sequence[int]) -> float | None:
    """Return the slope of the least-squares line."""
    spread = _products(lengths, lengths)
    return CHARACTERS * _products(errors, lengths) / spread if spread else None


def _products(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the sum of products of the deviations from the means."""
    center, middle = mean(one), mean(other)
    return sum((x - center) * (y - middle) for x, y in zip(one, other, strict=True))
