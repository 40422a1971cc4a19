"""Whether scores go with the length of the outputs: a rank correlation, for judges are known to like long answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import atanh, erfc, sqrt
from statistics import correlation

from gepa_next.gepa.pause import pause
from gepa_next.gepa.ranks import ranks
from gepa_next.gepa.state import SAME_TEXT
from gepa_next.gepa.types import Rollout

FEWEST = 20  # outputs
STRONG = 0.5
UNLIKELY = 0.01
FEWEST_TO_CORRELATE = 4
SPREAD_OF_RANKS = 1.06  # the variance of Fisher's z of a rank correlation is this, over n - 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthCorrelation:
    """Spearman's r of score and characters over `n` outputs, and its two-sided p-value as if they were independent."""

    n: int
    r: float
    p_value: float

    @property
    def is_strong(self) -> bool:
        """Whether it is large, and hardly there by chance."""
        return self.n >= FEWEST and abs(self.r) >= STRONG and self.p_value <= UNLIKELY


def length_correlation(rollouts: Iterable[Rollout]) -> LengthCorrelation | None:
    """Return how scores go with length, each output once; None where all are of one length or score, or too few.

    The p-value is by Fisher's z with the variance for ranks of Fieller, Hartley and Pearson, "Tests for Rank
    Correlation Coefficients", Biometrika 44 (1957).
    """
    pairs = [
        (each.score, len(each.output)) for each in rollouts if each.score is not None and SAME_TEXT not in each.flags
    ]
    scores, lengths = ranks([score for score, _ in pairs]), ranks([length for _, length in pairs])
    n = len(pairs)
    if n < FEWEST_TO_CORRELATE or len(set(scores)) == 1 or len(set(lengths)) == 1:
        return None
    r = max(-1.0, min(1.0, correlation(scores, lengths)))
    pause()
    p_value = erfc(abs(atanh(r)) * sqrt((n - 3) / SPREAD_OF_RANKS) / sqrt(2)) if abs(r) < 1 else 0.0
    return LengthCorrelation(n=n, r=r, p_value=p_value)
