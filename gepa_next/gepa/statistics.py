"""What paired differences show: an interval of their true mean, and the p-value of its being 0."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, fsum, sqrt
from statistics import NormalDist

from gepa_next.gepa.pause import paced

RESAMPLES = 1999
CONFIDENCE = 0.95
SAME = 1e-9  # sizes that differ by less are equal
DRAWN_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The 95 % interval of a mean difference, and the two-sided p-value: 0 is left out where that is at most 5 %."""

    interval: tuple[float, float]
    p_value: float


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean; the values must not be empty."""
    return fsum(values) / len(values)


def shown_by(differences: Sequence[float], *, seed: int) -> Shown:
    """Return what paired differences from -1 to 1 show of their true mean; there must be one at least.

    If those that are not 0 all have one size, as with scores of 0 and 1, it is by their signs, else by a bootstrap.
    """
    sizes = [abs(each) for each in differences if abs(each) > SAME]
    largest = max(sizes, default=1.0)
    if any(largest - each > SAME for each in sizes):
        return _by_bootstrap(differences, seed=seed)
    wins, losses = sum(each > SAME for each in differences), sum(each < -SAME for each in differences)
    return _by_signs(wins, losses, n=len(differences), size=largest)


def _by_signs(wins: int, losses: int, *, n: int, size: float) -> Shown:
    """Return the exact sign test's p-value, and an interval for two paired proportions that agrees with it.

    Bonett and Price, "Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired Data",
    Journal of Educational and Behavioral Statistics 37 (2012); where it leaves out 0 and the test does not reach 5 %,
    it is extended to 0.
    """
    won, lost = (wins + 1) / (n + 2), (losses + 1) / (n + 2)
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * sqrt((won + lost - (won - lost) ** 2) / (n + 2))
    low, high, p_value = won - lost - half, won - lost + half, sign_test(wins, losses)
    if p_value > 1 - CONFIDENCE:
        low, high = min(low, 0.0), max(high, 0.0)
    return Shown(interval=_within_scores(size * low, size * high), p_value=p_value)


def _by_bootstrap(differences: Sequence[float], *, seed: int) -> Shown:
    """Return interval and p-value by how far the means of resamples are from the mean, with a win and a loss added.

    The symmetric bootstrap: Hall, "On Symmetric Bootstrap Confidence Intervals", Journal of the Royal Statistical
    Society B 50 (1988). The two that are added have the largest size there is, as for one size in Bonett and Price:
    a few examples that say nearly the same do not tell how much the next one may differ.
    """
    largest = max(map(abs, differences))
    n, middle = len(differences) + 2, fsum(differences) / (len(differences) + 2)
    centred = [each - middle for each in (*differences, largest, -largest)]
    distances = sorted(_distances(centred, seed=seed))
    half = distances[ceil(CONFIDENCE * (RESAMPLES + 1)) - 1] * sqrt(n / (n - 1))
    as_far = sum(each * sqrt(n / (n - 1)) >= abs(middle) - SAME for each in distances)
    p_value = (1 + as_far) / (RESAMPLES + 1)
    low, high = middle - half, middle + half
    if p_value > 1 - CONFIDENCE:  # the two may part in the last digit
        low, high = min(low, 0.0), max(high, 0.0)
    return Shown(interval=_within_scores(low, high), p_value=p_value)


def _distances(centred: Sequence[float], *, seed: int) -> Iterator[float]:
    """Yield how far from 0 the mean of each resample is."""
    rng, n = random.Random(f"bootstrap/{seed}"), len(centred)  # noqa: S311 - reproducibility is the point
    for _ in paced(range(RESAMPLES), every=1 + DRAWN_AT_ONCE // n):
        yield abs(fsum(rng.choices(centred, k=n))) / n


def _within_scores(low: float, high: float) -> tuple[float, float]:
    """Return the interval without what no difference of two scores can be."""
    return max(low, -1.0), min(high, 1.0)


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided exact p-value that wins and losses are equally likely; ties are left out."""
    decided, ways, tail = wins + losses, 1, 0
    for fewer in range(min(wins, losses) + 1):
        tail += ways
        ways = ways * (decided - fewer) // (fewer + 1)
    return min(1.0, 2 * tail / (1 << decided))


def student_quantile(freedom: int, *, confidence: float = CONFIDENCE) -> float:
    """Return the two-sided quantile of Student's t; at 95 % to 0.001, at 99 % to 0.01, from five degrees of freedom on.

    Expansion 26.7.5 of Abramowitz and Stegun, Handbook of Mathematical Functions (1964).
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / float(freedom) ** power for power, term in enumerate(terms))
