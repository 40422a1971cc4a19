"""Results of many trials, found by family and system, and how their curves are read."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.search.families import REPORTED
from benchmarks.search.systems import COMPARED, OURS

Result = Mapping[str, Any]
COARSEST = 0.01  # scores nearer than this are the same


class Results:
    """All results of a file; families and systems stand in the order of the benchmark, trials in that of seeds."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._by_key: dict[tuple[str, str], dict[int, Result]] = {}
        for each in results:
            self._by_key.setdefault((each["family"], each["system"]), {})[each["seed"]] = each
        self.families = _ordered({family for family, _ in self._by_key}, [each.name for each in REPORTED])
        self.systems = _ordered({system for _, system in self._by_key}, COMPARED)

    @property
    def whole_systems(self) -> list[str]:
        """The systems but for ours without one of its ideas."""
        return [each for each in self.systems if not each.startswith(f"{OURS} without")]

    def of(self, family: str, system: str) -> list[Result]:
        """Return the trials of a system, by seed."""
        found = self._by_key.get((family, system), {})
        return [found[seed] for seed in sorted(found)]

    def sources(self, system: str) -> set[str]:
        """Return the hashes of the sources by which the system's results were made."""
        found = (self.of(family, system) for family in self.families)
        return {each.get("made_by", "not said") for results in found for each in results}

    def pairs(self, family: str, one: str, other: str) -> list[tuple[Result, Result]]:
        """Return the trials of two systems with the same seed."""
        ones, others = self._by_key.get((family, one), {}), self._by_key.get((family, other), {})
        return [(ones[seed], others[seed]) for seed in sorted(ones) if seed in others]

    def differences(self, family: str, one: str, other: str, share: float = 1.0) -> list[float]:
        """Return how much the one is better than the other at a share of the budget, by seed."""
        return [
            score_at(mine, share * mine["max_rollouts"]) - score_at(theirs, share * theirs["max_rollouts"])
            for mine, theirs in self.pairs(family, one, other)
        ]


def score_at(result: Result, rollouts: float) -> float:
    """Return the normalised true score of what would be returned after so many rollouts."""
    return next((float(score) for at, score in reversed(result["curve"]) if at <= rollouts), 0.0)


def final_score(result: Result) -> float:
    """Return the score at the end of the budget."""
    return score_at(result, result["max_rollouts"])


def reached_at(curve: Iterable[Sequence[float]], score: float) -> float:
    """Return where on the curve the score is held to the end from, infinity if never."""
    first = float("inf")
    for at, value in reversed(list(curve)):
        if value < score - COARSEST:
            break
        first = at
    return float(first)


def median_curve(results: Sequence[Result]) -> list[tuple[float, float]]:
    """Return the median over the trials wherever it changes."""
    total = min(each["max_rollouts"] for each in results)
    places = sorted({at for each in results for at, _ in each["curve"] if at <= total})
    medians = [(at, median(score_at(each, at) for each in results)) for at in places]
    return medians[:1] + [after for before, after in pairwise(medians) if before[1] != after[1]]


def rollouts_to(results: Sequence[Result], score: float) -> float:
    """Return the rollouts from which the median over the trials has the score and keeps it."""
    return reached_at(median_curve(results), score)


def _ordered(found: set[str], order: Sequence[str]) -> list[str]:
    return [each for each in order if each in found] + sorted(found - set(order))
