"""Acceptance: a proposal against its parent on the same examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from gepa_next.gepa.frontier import LEAST_SHARED
from gepa_next.gepa.state import State
from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Candidate, Example

MARGIN = 1e-9
SHORTER = 0.9
NOISE_MARGIN = 0.25  # standard errors of the judge's noise; with more, too many true gains are refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Mean scores over the examples for which both have one.

    A difference up to `noise` is put down to the judge, who scores equally good outputs differently by chance.
    """

    score: float
    parent_score: float
    compared: int
    noise: float = 0.0

    @property
    def difference(self) -> float:
        """The mean paired difference, in (-1, 1)."""
        return self.score - self.parent_score

    @property
    def is_better(self) -> bool:
        """Whether the difference is one, and more than the judge's noise explains."""
        return self.difference > max(MARGIN, self.noise)


def compare(state: State, child_id: int, parent_id: int, examples: tuple[Example, ...]) -> Comparison | None:
    """Return the paired comparison, None when the child has a score for less than half of what the parent has."""
    child, parent = state.scores(child_id, examples), state.scores(parent_id, examples)
    both = [key for key in child if key in parent]
    if not both or len(both) < LEAST_SHARED * len(parent):
        return None
    return Comparison(
        score=sum(child[key] for key in both) / len(both),
        parent_score=sum(parent[key] for key in both) / len(both),
        compared=len(both),
        noise=_explained(state, both, child_id, parent_id),
    )


def _explained(state: State, both: Sequence[str], child_id: int, parent_id: int) -> float:
    """Return the mean difference that is put down to the judge's noise: a quarter of its standard error.

    Where both have the same output and score, the judge was not asked twice, or was of one mind.
    """
    sd = state.noise.sd if state.noise else None
    if not sd:
        return 0.0
    made = ((state.rollouts[child_id, key], state.rollouts[parent_id, key]) for key in both)
    differing = sum(mine.output != theirs.output or mine.score != theirs.score for mine, theirs in made)
    return NOISE_MARGIN * sd * sqrt(2 * differing) / len(both)


def verdict_on(comparison: Comparison | None, *, text: str, parent: Candidate) -> str | None:
    """Return why the proposal is rejected, None to accept: better, or as good with a tenth fewer tokens.

    As good as a parent that has no point at all is no merit: any text is.
    """
    if comparison is None:
        return "not_comparable"
    if comparison.is_better:
        return None
    shorter = count_tokens(text) <= SHORTER * count_tokens(parent.text)
    if comparison.difference >= -MARGIN and comparison.score > MARGIN and shorter:
        return None
    return "within_noise" if comparison.difference > MARGIN else "not_better"
