"""Two prompts on the same examples."""

from collections.abc import Mapping
from dataclasses import dataclass

from gepa_next.gepa.statistics import SAME, mean, shown_by


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """A prompt against the seed prompt on the same `n` examples; scores in [0, 1]."""

    n: int
    seed_score: float
    score: float
    difference: float
    interval: tuple[float, float]
    wins: int
    losses: int
    p_value: float


def paired_test(
    seed_scores: Mapping[str, float], scores: Mapping[str, float], *, seed: int, margin: float = SAME
) -> PairedTest | None:
    """Compare on the examples that both have a score for, None without any; only more than `margin` is won or lost."""
    both = [key for key in scores if key in seed_scores]
    if not both:
        return None
    differences = [scores[key] - seed_scores[key] for key in both]
    shown = shown_by(differences, seed=seed)
    wins, losses = sum(each > margin for each in differences), sum(each < -margin for each in differences)
    return PairedTest(
        n=len(both),
        seed_score=mean([seed_scores[key] for key in both]),
        score=mean([scores[key] for key in both]),
        difference=mean(differences),
        interval=shown.interval,
        wins=wins,
        losses=losses,
        p_value=shown.p_value,
    )
