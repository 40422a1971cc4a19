"""The Pareto frontier over validation examples, kept up to date one candidate at a time."""

from collections.abc import Mapping
from math import exp

from gepa_next.gepa.pause import paced

MARGIN = 1e-9
MOST_HOLDERS = 8  # of those that tie on an example, so that the cost does not grow with the pool
MOST_MEMBERS = 64  # in all, so that it does not grow with the square of the examples either
LEAST_SHARED = 0.5  # of the scored examples of whom one is compared with
WORST = -1.0  # the difference of who cannot be compared
SOFTNESS = 0.01  # so far below the leader a parent is e times less likely
COMPARED_AT_A_STRETCH = 25_000  # scores, some milliseconds
HELD_AT_A_STRETCH = 1000  # examples


class Frontier:
    """Candidates that are best on at least one example (arXiv:2507.19457, section 3.3)."""

    def __init__(self) -> None:
        self._best: dict[str, tuple[float, list[int]]] = {}
        self._scores: dict[int, Mapping[str, float]] = {}
        self._leader = 0
        self._behind: dict[int, float] = {}  # by candidate, as far as asked for since the leader's scores changed

    def add(self, candidate_id: int, scores: Mapping[str, float]) -> None:
        """Take in one candidate's scores by example id, all it has so far; one without a score decides nothing."""
        is_new = candidate_id not in self._scores
        if self._scores.get(candidate_id) != scores:
            self._take(candidate_id, scores)
        if candidate_id != self._leader and self._leads(scores):
            self._leader, self._behind = candidate_id, {}
        if not self._behind:
            self._compare_members()
        self._let_hold(candidate_id, scores)
        if is_new:
            self._drop_furthest_behind()

    def lead(self, candidate_id: int) -> None:
        """Let a candidate that has scores be the leader, as it was known to be before."""
        if candidate_id != self._leader:
            self._leader, self._behind = candidate_id, {}

    def _take(self, candidate_id: int, scores: Mapping[str, float]) -> None:
        if scores:
            self._scores[candidate_id] = dict(scores)
        self._behind.pop(candidate_id, None)
        if candidate_id == self._leader:
            self._behind = {}

    def _let_hold(self, candidate_id: int, scores: Mapping[str, float]) -> None:
        for example_id, score in paced(scores.items(), every=HELD_AT_A_STRETCH):
            best, holders = self._best.get(example_id, (-1.0, []))
            if score > best + MARGIN:
                self._best[example_id] = (score, [candidate_id])
            elif score > best - MARGIN and candidate_id not in holders:
                holders.append(candidate_id)
                if len(holders) > MOST_HOLDERS:
                    holders.remove(min(holders, key=self._standing))

    def _drop_furthest_behind(self) -> None:
        """Take whoever is one too many off the examples it is best on; what is best there stays."""
        members = self.members()
        for dropped in sorted(members, key=self._standing)[: max(0, len(members) - MOST_MEMBERS)]:
            for _, holders in self._best.values():
                if dropped in holders:
                    holders.remove(dropped)

    def __contains__(self, candidate_id: int) -> bool:
        return candidate_id in self._scores

    def members(self) -> list[int]:
        """Return the candidates on the frontier, oldest first."""
        return sorted({holder for _, holders in self._best.values() for holder in holders}) or [0]

    def weights(self) -> dict[int, float]:
        """Return by member how likely it should be a parent.

        The credit for an example is shared among all that are best on it, and a member that is behind the leader
        counts for less: a specialist stays in play, a mediocre tie does not.
        """
        self._compare_members()
        credit = dict.fromkeys(self.members(), 0.0)
        for _, holders in self._best.values():
            for holder in holders:
                credit[holder] += 1 / len(holders)
        return {each: share * exp(self._behind_leader(each) / SOFTNESS) for each, share in credit.items()}

    def scores(self, candidate_id: int) -> Mapping[str, float]:
        """Return the candidate's scores by example id, as far as they were taken in."""
        return self._scores.get(candidate_id, {})

    def mean(self, candidate_id: int) -> float | None:
        """Return the candidate's mean score in [0, 1], None if nothing of it was scored."""
        scores = self._scores.get(candidate_id)
        return sum(scores.values()) / len(scores) if scores else None

    def leader(self) -> int:
        """Return the candidate that beat every leader before it; of equals the oldest."""
        return self._leader

    def _compare_members(self) -> None:
        """Compare the members with a leader whose scores are new, with pauses; who asks later has it at hand."""
        new = [each for each in self.members() if each not in self._behind]
        for each in paced(new, every=1 + COMPARED_AT_A_STRETCH // (1 + len(self.scores(self._leader)))):
            self._behind_leader(each)

    def _standing(self, candidate_id: int) -> tuple[bool, float, int]:
        return candidate_id == self._leader, self._behind_leader(candidate_id), -candidate_id

    def _behind_leader(self, candidate_id: int) -> float:
        """Return how far the candidate is below the leader, 0 at most, where both have a score."""
        if candidate_id not in self._behind:
            found = paired_difference(self.scores(candidate_id), self.scores(self._leader))
            self._behind[candidate_id] = WORST if found is None else min(0.0, found)
        return self._behind[candidate_id]

    def _leads(self, scores: Mapping[str, float]) -> bool:
        """Say whether the scores beat the leader's where both have one: a failed hard example is no advantage."""
        if self._leader not in self._scores:
            return bool(scores)
        found = paired_difference(scores, self._scores[self._leader])
        return found is not None and found > MARGIN


def paired_difference(mine: Mapping[str, float], theirs: Mapping[str, float]) -> float | None:
    """Return the mean of mine less theirs where both have a score, None where that is less than half of theirs."""
    differences = [mine[key] - score for key, score in theirs.items() if key in mine]
    if not differences or len(differences) < LEAST_SHARED * len(theirs):
        return None
    return sum(differences) / len(differences)
