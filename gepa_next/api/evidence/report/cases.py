"""The cases of a report: examples on which two prompts were run, and what became of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gepa_next.api.edge.pacing import unhurried
from gepa_next.gepa.splits import divide
from gepa_next.gepa.statistics import SAME
from gepa_next.gepa.types import Example, Rollout, Split
from gepa_next.models import Job
from gepa_next.store.database import Database
from gepa_next.store.evidence import find_job_example, iterate_example_heads, iterate_rollouts_of, list_rollouts_on

SHOWN_CASES = 40
LOST, WON, TIED, UNSCORED = "scored lower", "scored higher", "scored the same", "not compared"
_ORDER = (LOST, UNSCORED, WON, TIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One example with the rollouts of both prompts, None for one that was not run on it."""

    example: Example
    outcome: str
    before: Rollout | None
    after: Rollout | None

    @property
    def style(self) -> str:
        """What its frame looks like."""
        return {WON: "won", LOST: "lost"}.get(self.outcome, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """The examples of a split on which the seed prompt and a candidate were run: those `lost` first."""

    split: Split
    candidate_id: int
    outcomes: Mapping[str, str]  # by example id

    @property
    def counts(self) -> dict[str, int]:
        """How many examples came out how."""
        found = list(self.outcomes.values())
        return {each: found.count(each) for each in _ORDER if each in found}

    @property
    def lost(self) -> list[str]:
        """The ids of the examples on which the candidate is worse."""
        return [each for each, outcome in self.outcomes.items() if outcome == LOST]

    def shown(self, database: Database, job: Job) -> Iterator[Case]:
        """Yield as many as a report holds, with all their texts."""
        ranked = sorted(self.outcomes.items(), key=lambda each: _ORDER.index(each[1]))
        for example_id, outcome in ranked[:SHOWN_CASES]:
            example = find_job_example(database, job.id, example_id)
            if example is None:
                continue
            latest = {
                each.candidate_id: each
                for each in list_rollouts_on(database, job.id, example_id, [0, self.candidate_id])
            }
            before, after = latest.get(0), latest.get(self.candidate_id)
            yield Case(example=example, outcome=outcome, before=before, after=after)


def cases_of(database: Database, job: Job) -> Cases | None:
    """Return the cases that decide what is said of a job, None before two prompts were run on the same examples.

    They are the held-out ones; where nothing was tested on those, the examples to select by.
    """
    candidate_id = 1 if job.spec.retest is not None else job.best_candidate_id
    if not candidate_id:
        return None
    ids = _ids_by_split(database, job)
    for split in (Split.TEST, Split.VALIDATION):
        scores = [_scores(database, job, each, split) for each in (0, candidate_id)]
        both = {each: (scores[0][each], scores[1][each]) for each in ids[split] if all(each in some for some in scores)}
        if both:
            tolerance = job.spec.retest.pinned.tolerance if job.spec.retest else 0.0
            outcomes = {each: _outcome(*found, tolerance=tolerance) for each, found in both.items()}
            return Cases(split=split, candidate_id=candidate_id, outcomes=outcomes)
    return None


def _ids_by_split(database: Database, job: Job) -> dict[Split, list[str]]:
    heads = [Example(id=each.id, input="") for each in unhurried(iterate_example_heads(database, job.id))]
    splits = divide(heads, job.split, seed=job.spec.seed, together=job.spec.near_duplicates)
    return {Split.TEST: [each.id for each in splits.test], Split.VALIDATION: [each.id for each in splits.validation]}


def _scores(database: Database, job: Job, candidate_id: int, split: Split) -> dict[str, float | None]:
    rollouts = unhurried(iterate_rollouts_of(database, job.id, candidate_id, split=split))
    return {each.example_id: each.score for each in rollouts}


def _outcome(before: float | None, after: float | None, *, tolerance: float) -> str:
    if before is None or after is None:
        return UNSCORED
    gain = after - before
    if abs(gain) <= tolerance + SAME:
        return TIED
    return WON if gain > 0 else LOST
