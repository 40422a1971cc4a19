"""What a result claims, reckoned again from the scores: numbers, interval, p-value, verdict, and which prompt it is."""

import json
from collections import defaultdict
from collections.abc import Iterator
from math import fsum, isclose
from typing import Any

from gepa_next.gepa.conclusion import conclusion, retest_conclusion
from gepa_next.gepa.paired import (
    PairedTest,
    against_seed,
    pinned_test,
    retest_verdict,
    returned_id,
    verdict,
)
from gepa_next.receipts.check import Check

CLOSE = 1e-9
SEED = 0
ACCEPTED = frozenset({"seed", "accepted"})

Json = dict[str, Any]  # Any: a receipt's JSON, described in docs/evidence.md
Scores = dict[str, float]


class Claims:
    """Holds a result against the rollouts: the champion beside the seed prompt on the test split.

    In a re-test it is the pinned prompt beside what that is tested against, on all its examples.
    """

    def __init__(self, receipt: Json) -> None:
        self._receipt = receipt
        self._scores: defaultdict[int, dict[str, float | None]] = defaultdict(dict)
        self._validating: defaultdict[int, list[float]] = defaultdict(list)

    def read(self, line: bytes) -> None:
        """Take in one rollout; of two of one candidate on one example the later counts."""
        rollout = json.loads(line)
        self._scores[rollout["candidate_id"]][rollout["example_id"]] = rollout["score"]
        if rollout["split"] == "validation" and rollout["score"] is not None:
            self._validating[rollout["candidate_id"]].append(rollout["score"])

    def checks(self) -> Iterator[Check]:
        """Yield, one by one, whether the claims follow; of a job without a result only the scores of candidates."""
        yield from self._of_candidates()
        result = self._receipt["result"]
        if result is None:
            return
        if self._receipt["retest"] is not None:
            yield from self._of_retest(result)
        else:
            yield from self._of_test(result)

    def _of_candidates(self) -> Iterator[Check]:
        wrong = [
            each["id"]
            for each in self._receipt["candidates"]
            if not _is(each["score"], _mean(self._validating.get(each["id"], [])))
        ]
        said = f"the validation scores of {len(self._receipt['candidates'])} candidates"
        yield Check(not wrong, said + (f": not those of candidates {wrong}" if wrong else ""))

    def _of_test(self, result: Json) -> Iterator[Check]:
        champion = self._receipt["champion"]
        ids = self._receipt["splits"]["test"]["ids"]
        seed_scores, scores = self._of(SEED, ids), self._of(champion, ids)
        found = against_seed(champion, seed_scores, scores, seed=self._receipt["spec"]["seed"])
        if found is None:
            yield Check(result["test"] is None, "the held-out test: no example has a score for both prompts")
        else:
            yield from _of_numbers("the held-out test", champion, found, result["test"] or {})
        word = verdict(found)
        yield Check(result["verdict"] == word, f"the verdict, which is {word} by the scores and the rules")
        tokens = {each["id"]: each["prompt_tokens"] for each in self._receipt["candidates"]}
        returned = returned_id(champion, found, shorter=tokens[champion] < tokens[SEED])
        yield self._of_returned(result, champion, returned)
        yield _of_conclusion(result, conclusion(champion, returned, found, held_out=len(ids)))

    def _of_returned(self, result: Json, champion: int, returned: int) -> Check:
        decisions = {each["id"]: each["decision"] for each in self._receipt["candidates"]}
        same = result["candidate_id"] == returned and decisions.get(champion) in ACCEPTED
        if (told := result["test"]) is not None:
            score = told["seed_score"] if returned == SEED else told["score"]
            same = same and (result["scored_on"], result["seed_score"]) == ("test", told["seed_score"])
            same = same and result["score"] == score
        why = "" if returned == champion else f", for candidate {champion} did not beat the seed prompt"
        return Check(same, f"the prompt returned, which is candidate {returned}{why}, and its score")

    def _of_retest(self, result: Json) -> Iterator[Check]:
        ids, told, tolerance = self._receipt["splits"]["validation"]["ids"], result["retest"], self._tolerance
        seed_scores, scores = self._of(SEED, ids), self._of(1, ids)
        found = pinned_test(
            seed_scores, scores, examples=len(ids), tolerance=tolerance, seed=self._receipt["spec"]["seed"]
        )
        if found is None:
            yield Check(told is None, "the re-test: no example has a score for both prompts")
        else:
            told = told or {}
            yield from _of_numbers("the re-test", 1, found, told)
            yield Check(told.get("unscored") == found.unscored, f"{found.unscored} examples without a score")
        word = retest_verdict(found)
        yield Check(result["verdict"] == word, f"the verdict, which is {word} by the scores and the rules")
        yield _of_conclusion(result, retest_conclusion(found))

    @property
    def _tolerance(self) -> float:
        return float(self._receipt["retest"]["tolerance"])

    def _of(self, candidate_id: int, ids: list[str]) -> Scores:
        """Return the candidate's scores in the order of the examples, without those that failed."""
        mine = self._scores.get(candidate_id, {})
        return {each: score for each in ids if (score := mine.get(each)) is not None}


def _of_numbers(name: str, candidate_id: int, found: PairedTest, told: Json) -> Iterator[Check]:
    same = all(told.get(each) == getattr(found, each) for each in ("n", "wins", "losses"))
    same = same and all(_is(told.get(each), getattr(found, each)) for each in ("difference", "seed_score", "score"))
    yield Check(
        same,
        f"{name}, and {found.wins} wins and {found.losses} losses of candidate {candidate_id}"
        f" on {found.n} examples with a mean difference of {found.difference:+.4f}",
    )
    low, high = found.interval
    ends = told.get("interval") or [None, None]
    same = all(_is(end, each) for end, each in zip(ends, found.interval, strict=True))
    yield Check(same, f"the interval of the difference, which is {low:+.4f} to {high:+.4f} by the scores and the seed")
    same = _is(told.get("p_value"), found.p_value)
    yield Check(same, f"the p-value, which is {found.p_value:.4f} by the scores and the seed")
    same = told.get("lost") == list(found.lost)
    yield Check(same, f"the lost examples{''.join(f', {each}' for each in found.lost) or ', none'}")


def _of_conclusion(result: Json, said: str) -> Check:
    return Check(result["says"] == said, f"what it says: {said}")


def _mean(scores: list[float]) -> float | None:
    return fsum(scores) / len(scores) if scores else None


def _is(told: float | None, found: float | None) -> bool:
    """Say whether two numbers are the same but for the last digits, which the machine may make."""
    if told is None or found is None:
        return told is found
    return isclose(told, found, abs_tol=CLOSE)
