"""Several metrics as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from gepa_next.gepa.types import Example, Verdict
from gepa_next.metrics.deterministic import DeterministicMetric


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One metric of several, its place among them and its weight."""

    place: int
    name: str
    weight: float
    metric: DeterministicMetric


@dataclass(frozen=True, slots=True)
class WeightedMetric:
    """Score the weighted mean of its parts; the feedback has a line for each. Range [0, 1]."""

    parts: Sequence[Part]

    def __call__(self, example: Example, output: str) -> Verdict:
        """Return the mean and what each part says."""
        verdicts = [(part, part.metric(example, output)) for part in self.parts]
        total = fsum(part.weight for part in self.parts)
        return Verdict(
            score=fsum(part.weight * verdict.score for part, verdict in verdicts) / total,
            feedback="\n".join(_line(part, verdict) for part, verdict in verdicts),
        )


def _line(part: Part, verdict: Verdict) -> str:
    return f"{part.name} {verdict.score:.2f} (weight {part.weight:g}). {verdict.feedback}"
