"""Failures: rollouts that came to no score, which of them are worth another try, and which say nothing new."""

from dataclasses import dataclass, field

from gepa_next.gepa.types import Rollout

MOST_TRIES = 3  # of one rollout, each in another iteration
LONG_AGO = -1  # before any rollout was scored


@dataclass(slots=True)
class Failures:
    """What failed so far, by candidate and example: for each try, how many rollouts had a score by then."""

    _tries: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    _just_now: set[tuple[int, str]] = field(default_factory=set)  # in this iteration
    _scored: int = 0

    def add(self, rollout: Rollout) -> None:
        """Take in a rollout, scored or failed."""
        if rollout.score is not None:
            self._scored += 1
            return
        key = (rollout.candidate_id, rollout.example_id)
        self._tries.setdefault(key, []).append(self._scored)
        self._just_now.add(key)

    def take_over(self, rollout: Rollout) -> None:
        """Take in what came of an earlier candidate with the same text: if it failed, it did so before."""
        if rollout.score is None:
            self._tries[rollout.candidate_id, rollout.example_id] = [LONG_AGO]

    def end_iteration(self) -> None:
        """Let what failed in this iteration be tried again."""
        self._just_now.clear()

    def may_be_tried_again(self, candidate_id: int, example_id: str) -> bool:
        """Say whether one that failed may be tried again: what is down now may answer in a later iteration."""
        key = (candidate_id, example_id)
        return key not in self._just_now and len(self._tries.get(key, [])) < MOST_TRIES

    def has_shown(self, rollout: Rollout) -> bool:
        """Say whether it failed before, and fails again though others were scored since: no model is down for that."""
        before = self._tries.get((rollout.candidate_id, rollout.example_id))
        return rollout.score is None and before is not None and before[-1] < self._scored
