"""Paired statistics for the held-out test."""

import random
from collections.abc import Sequence

RESAMPLES = 2000
CONFIDENCE = 0.95


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean; the values must not be empty."""
    return sum(values) / len(values)


def bootstrap_interval(differences: Sequence[float], *, seed: int) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean paired difference.

    Percentile bootstrap after Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    rng = random.Random(f"bootstrap/{seed}")  # noqa: S311 - reproducibility is the point
    means = sorted(mean(rng.choices(differences, k=len(differences))) for _ in range(RESAMPLES))
    tail = (1 - CONFIDENCE) / 2
    return means[int(tail * RESAMPLES)], means[int((1 - tail) * RESAMPLES) - 1]


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided exact p-value that wins and losses are equally likely; ties are left out."""
    decided, ways, tail = wins + losses, 1, 0
    for fewer in range(min(wins, losses) + 1):
        tail += ways
        ways = ways * (decided - fewer) // (fewer + 1)
    return min(1.0, 2 * tail / (1 << decided))
