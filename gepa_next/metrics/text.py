"""Metrics on text as it stands: exact match, containment, length."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from gepa_next.gepa.types import Example, Verdict
from gepa_next.metrics.deterministic import (
    QUOTED_IDEAL,
    DeterministicMetric,
    ideal_of,
    normal,
    quoted,
    unscorable,
    versus,
)

AROUND = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactMatch(DeterministicMetric):
    """Score 1 when output and ideal are the same text after Unicode NFC and stripping, else 0.

    Range {0, 1}; symmetric. Exact match as in SQuAD (Rajpurkar et al., arXiv:1606.05250), without its
    lower-casing and removal of articles and punctuation.
    """

    needs_ideal: ClassVar[bool] = True

    def verdict(self, example: Example, output: str, /) -> Verdict:
        """Return 1 or 0, and where the texts part."""
        ideal, answer = normal(ideal_of(example)), normal(output)
        if answer == ideal:
            return Verdict(score=1.0, feedback=f"Right: exactly {quoted(ideal)}.")
        return Verdict(score=0.0, feedback=f"Wrong: expected exactly {versus(ideal, answer)} {parting(ideal, answer)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains(DeterministicMetric):
    """Score 1 when the ideal occurs in the output, both after Unicode NFC, the ideal stripped, else 0.

    Range {0, 1}; case counts. An own definition, the usual one of containment checks.
    """

    needs_ideal: ClassVar[bool] = True

    def verdict(self, example: Example, output: str, /) -> Verdict:
        """Return 1 or 0, and whether only the case is wrong."""
        ideal, answer = _something(example), normal(output)
        named = quoted(ideal, QUOTED_IDEAL)
        if ideal in answer:
            return Verdict(score=1.0, feedback=f"Right: the answer contains {named}.")
        hint = " It is there in another case." if ideal.casefold() in answer.casefold() else ""
        said = f"Wrong: expected an answer that contains {named}, got {quoted(answer)}.{hint}"
        return Verdict(score=0.0, feedback=said)

    def check(self, example: Example) -> None:
        """Raise ModelError if the example has no ideal, or an empty one, which every answer contains."""
        _something(example)


@dataclass(frozen=True, slots=True, kw_only=True)
class Length(DeterministicMetric):
    """Score 1 when the output is `min` to `max` units long, else the ratio of its length and the limit it breaks.

    Range [0, 1]: length/min below, max/length above. Units are characters (code points) or words (what white
    space divides), after Unicode NFC and stripping. An own definition, graded so that coming closer counts.
    """

    min: int = 0
    max: int | None = None
    unit: Literal["characters", "words"] = "characters"

    def verdict(self, _example: Example, output: str, /) -> Verdict:
        """Return how near the length is to the limits, and by how much it breaks one."""
        answer = normal(output)
        length = len(answer) if self.unit == "characters" else len(answer.split())
        if length < self.min:
            return Verdict(score=length / self.min, feedback=self._told(length, f"at least {self.min}, too short"))
        if self.max is not None and length > self.max:
            return Verdict(score=self.max / length, feedback=self._told(length, f"at most {self.max}, too long"))
        return Verdict(score=1.0, feedback=f"Right: {length} {self.unit}.")

    def _told(self, length: int, limit: str) -> str:
        broken = self.min - length if length < self.min else length - (self.max or 0)
        return f"Wrong: the answer has {length} {self.unit}, expected {limit} by {broken}."


def _something(example: Example) -> str:
    ideal = normal(ideal_of(example))
    if not ideal:
        raise unscorable("unusable_ideal", f"the ideal of example {example.id} is empty, which any answer contains")
    return ideal


def parting(ideal: str, answer: str) -> str:
    """Say in a sentence how two texts differ that are not the same."""
    if answer.casefold() == ideal.casefold():
        return "Only upper and lower case differ."
    if answer.split() == ideal.split() or "".join(answer.split()) == "".join(ideal.split()):
        return "Only white space differs."
    if ideal and ideal in answer:
        return "What is expected is in it, with other text around."
    pairs = zip(ideal, answer, strict=False)
    at = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(ideal), len(answer)))
    return (
        f"They part at character {at + 1}: {quoted(ideal[at:], AROUND)} expected, {quoted(answer[at:], AROUND)} there."
    )
