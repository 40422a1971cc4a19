"""Tests and intervals for paired trials; the tests are exact."""

import random
from collections.abc import Sequence
from math import comb, sqrt
from statistics import fmean, stdev

RESAMPLES = 2000
STEPS = 10_000  # to which differences are rounded for counting; scores have four digits
LEVEL = 0.05


def chance_of_less(differences: Sequence[float]) -> float:
    """Return how likely a sum as low as this is if each difference had either sign alike.

    The one-sided randomisation test of Fisher, The Design of Experiments (1935), section 21, over all 2^n signs.
    """
    steps = [round(each * STEPS) for each in differences]
    # The ways to reach each sum of a subset of the magnitudes are the digits of one number, `width` bits a digit.
    width = len(steps) + 2
    ways = 1
    for step in steps:
        ways += ways << (abs(step) * width)
    reached = sum(step for step in steps if step > 0)
    as_low = ways & ((1 << (reached + 1) * width) - 1)
    return float(as_low % ((1 << width) - 1) / (1 << len(steps)))  # the remainder is the sum of the digits


def chance_of_as_many(count: int, total: int) -> float:
    """Return how likely a fair coin shows so many heads or more in so many throws."""
    return float(sum(comb(total, heads) for heads in range(count, total + 1)) / (1 << total))


def holm(chances: Sequence[float]) -> list[float]:
    """Return the p values adjusted for their number, in the same order.

    Holm, "A simple sequentially rejective multiple test procedure" (1979).
    """
    adjusted, least = [0.0] * len(chances), 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        least = max(least, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = least
    return adjusted


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean."""
    rng = random.Random(1)
    means = sorted(fmean(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES)]


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean; one value says nothing of it."""
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else float("nan")
