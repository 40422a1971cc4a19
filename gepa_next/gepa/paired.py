"""Two prompts on the same examples, and what that says in a word."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from gepa_next.gepa.statistics import SAME, mean, shown_by

FEWEST_TO_CONCLUDE = 6  # that differ: below, not even a sign test with nothing but wins reaches 5 %


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """A prompt against the seed prompt on the same `n` examples; scores in [0, 1], `lost` are the ids of the losses."""

    n: int
    seed_score: float
    score: float
    difference: float
    interval: tuple[float, float]
    wins: int
    losses: int
    p_value: float
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(PairedTest):
    """The pinned prompt against the seed prompt; the `unscored` examples are those that one has no score for."""

    unscored: int


def paired_test(
    seed_scores: Mapping[str, float], scores: Mapping[str, float], *, seed: int, tolerance: float = 0.0
) -> PairedTest | None:
    """Compare on the examples that both have a score for, None without any; only more than the tolerance counts."""
    both = [key for key in scores if key in seed_scores]
    if not both:
        return None
    differences = [scores[key] - seed_scores[key] for key in both]
    shown = shown_by(differences, seed=seed)
    lost = lost_ids(seed_scores, scores, tolerance=tolerance)
    return PairedTest(
        n=len(both),
        seed_score=mean([seed_scores[key] for key in both]),
        score=mean([scores[key] for key in both]),
        difference=mean(differences),
        interval=shown.interval,
        wins=sum(each > tolerance + SAME for each in differences),
        losses=len(lost),
        p_value=shown.p_value,
        lost=lost,
    )


def against_seed(
    champion_id: int, seed_scores: Mapping[str, float], scores: Mapping[str, float], *, seed: int
) -> PairedTest | None:
    """Return the held-out test of a champion, None when no example has a score for both."""
    found = paired_test(seed_scores, scores, seed=seed)
    return found if found is None or champion_id else replace(found, interval=(0.0, 0.0))  # it is the seed prompt


def verdict(found: PairedTest | None) -> str:
    """Return in one word what the test shows: improved, worse, not_shown or inconclusive."""
    if found is None or found.n < FEWEST_TO_CONCLUDE:
        return "inconclusive"
    low, high = found.interval
    if low <= 0 <= high:
        return "not_shown"
    if found.wins + found.losses < FEWEST_TO_CONCLUDE:
        return "inconclusive"
    return "improved" if low > 0 else "worse"


def is_tie(found: PairedTest) -> bool:
    """Say whether both prompts have the same mean, whichever examples it comes from."""
    return abs(found.difference) <= SAME


def returned_id(champion_id: int, found: PairedTest | None, *, shorter: bool) -> int:
    """Return which candidate is the result: the champion, or the seed prompt if the champion did not beat it.

    Of a tie the champion is the result if it is `shorter`, or if the test is too small to say anything.
    """
    if found is None or found.difference > SAME:
        return champion_id
    keeps = is_tie(found) and (shorter or verdict(found) == "inconclusive")
    return champion_id if keeps else 0


def pinned_test(
    seed_scores: Mapping[str, float], scores: Mapping[str, float], *, examples: int, tolerance: float, seed: int
) -> Comparison | None:
    """Return the comparison of a re-test on so many examples, None when none of them has a score for both."""
    found = paired_test(seed_scores, scores, seed=seed, tolerance=tolerance)
    return None if found is None else Comparison(**asdict(found), unscored=examples - found.n)


def lost_ids(seed_scores: Mapping[str, float], scores: Mapping[str, float], *, tolerance: float) -> tuple[str, ...]:
    """Return the examples on which the score is lower by more than the tolerance."""
    return tuple(
        key for key, score in scores.items() if key in seed_scores and score - seed_scores[key] < -(tolerance + SAME)
    )


def retest_verdict(found: Comparison | None) -> str:
    """Return in one word how the re-test ends: it loses by one loss, and passes if all examples were compared."""
    if found is None:
        return "inconclusive"
    if found.losses:
        return "loses"
    return "inconclusive" if found.unscored else "passes"
