"""The Pareto frontier over validation examples, kept up to date one candidate at a time."""

from collections.abc import Mapping
from math import exp

MARGIN = 1e-9
MOST_HOLDERS = 8  # of those that tie on an example, so that the cost does not grow with the pool
LEAST_SHARED = 0.5  # of the leader's scored examples, to be compared with it
SOFTNESS = 0.01  # so far below the leader a parent is e times less likely


class Frontier:
    """Candidates that are best on at least one example (arXiv:2507.19457, section 3.3)."""

    def __init__(self) -> None:
        self._best: dict[str, tuple[float, list[int]]] = {}
        self._means: dict[int, float] = {}
        self._leader = 0
        self._leader_scores: Mapping[str, float] = {}

    def add(self, candidate_id: int, scores: Mapping[str, float]) -> None:
        """Take in one candidate's scores by example id, all it has so far; one without a score decides nothing."""
        if scores:
            self._means[candidate_id] = sum(scores.values()) / len(scores)
        if candidate_id == self._leader or self._leads(scores):
            self._leader, self._leader_scores = candidate_id, dict(scores)
        for example_id, score in scores.items():
            best, holders = self._best.get(example_id, (-1.0, []))
            if score > best + MARGIN:
                self._best[example_id] = (score, [candidate_id])
            elif score > best - MARGIN and candidate_id not in holders:
                holders.append(candidate_id)
                if len(holders) > MOST_HOLDERS:
                    holders.remove(min(holders, key=self._standing))

    def __contains__(self, candidate_id: int) -> bool:
        return candidate_id in self._means

    def members(self) -> list[int]:
        """Return the candidates on the frontier, oldest first."""
        return sorted({holder for _, holders in self._best.values() for holder in holders}) or [0]

    def weights(self) -> dict[int, float]:
        """Return by member how likely it should be a parent.

        The credit for an example is shared among all that are best on it, and a member whose mean is
        lower than the leader's counts for less: a specialist stays in play, a mediocre tie does not.
        """
        credit = dict.fromkeys(self.members(), 0.0)
        for _, holders in self._best.values():
            for holder in holders:
                credit[holder] += 1 / len(holders)
        top = self._means.get(self.leader(), 0.0)
        return {each: share * exp((self._means.get(each, 0.0) - top) / SOFTNESS) for each, share in credit.items()}

    def mean(self, candidate_id: int) -> float | None:
        """Return the candidate's mean score in [0, 1], None if nothing of it was scored."""
        return self._means.get(candidate_id)

    def leader(self) -> int:
        """Return the candidate that beat every leader before it; of equals the oldest."""
        return self._leader

    def _standing(self, candidate_id: int) -> tuple[bool, float, int]:
        return candidate_id == self._leader, self._means.get(candidate_id, 0.0), -candidate_id

    def _leads(self, scores: Mapping[str, float]) -> bool:
        """Say whether the scores beat the leader's where both have one: a failed hard example is no advantage."""
        if not self._leader_scores:
            return bool(scores)
        gains = [score - self._leader_scores[key] for key, score in scores.items() if key in self._leader_scores]
        enough = len(gains) >= LEAST_SHARED * len(self._leader_scores)
        return enough and sum(gains) > MARGIN * len(gains)
