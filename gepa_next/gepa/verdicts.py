"""Several verdicts on one output as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from gepa_next.errors import ModelError
from gepa_next.gepa.types import Verdict


@dataclass(frozen=True, slots=True)
class Share:
    """The part that one verdict has in a score; `name` stands before its feedback, if there is one.

    ModelError `bad_score` if the verdict's score is none from 0 to 1: from a metric, for all others are read as such.
    """

    weight: float
    verdict: Verdict
    name: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.verdict.score <= 1:  # nor is NaN
            said = f"the metric gives the score {self.verdict.score}; it must be a number from 0 to 1"
            raise ModelError("bad_score", said, sends=0, cost_usd=0.0)

    @property
    def line(self) -> str:
        """What it says among others."""
        verdict = self.verdict
        if not self.name:
            return verdict.feedback
        return f"{self.name} {verdict.score:.2f} (weight {self.weight:g}). {verdict.feedback}".rstrip()


def together(shares: Sequence[Share]) -> Verdict:
    """Return the weighted verdict; a single one as it is."""
    if len(shares) == 1:
        return shares[0].verdict
    score = fsum(each.weight * each.verdict.score for each in shares)
    return Verdict(score=score, feedback="\n".join(each.line for each in shares))
