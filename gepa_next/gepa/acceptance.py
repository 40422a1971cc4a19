"""Acceptance: a proposal against its parent on the same examples."""

from dataclasses import dataclass

from gepa_next.gepa.frontier import LEAST_SHARED
from gepa_next.gepa.guards import count_tokens
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Candidate, Example

MARGIN = 1e-9
SHORTER = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Mean scores over the examples for which both have one."""

    score: float
    parent_score: float
    compared: int

    @property
    def difference(self) -> float:
        """The mean paired difference, in (-1, 1)."""
        return self.score - self.parent_score


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
    )


def verdict_on(comparison: Comparison | None, *, text: str, parent: Candidate) -> str | None:
    """Return why the proposal is rejected, None to accept: better, or as good with a tenth fewer tokens.

    As good as a parent that has no point at all is no merit: any text is.
    """
    if comparison is None:
        return "not_comparable"
    if comparison.difference > MARGIN:
        return None
    shorter = count_tokens(text) <= SHORTER * count_tokens(parent.text)
    if comparison.difference >= -MARGIN and comparison.score > MARGIN and shorter:
        return None
    return "not_better"
