"""Metrics on JSON: whether an output is JSON, and whether it is the value hoped for."""

from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from gepa_next.gepa.pause import pause
from gepa_next.gepa.types import Example, Verdict
from gepa_next.metrics.deterministic import DeterministicMetric, ideal_of, quoted, unscorable
from gepa_next.metrics.json_text import FENCE, NotJsonError, differences, read_json, without_fence

SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonValid(DeterministicMetric):
    """Score 1 when the whole output is one JSON text, else 0.

    Range {0, 1}. JSON is that of RFC 8259: NaN and infinities are none, and a program could not read a code fence,
    so that is none either. Nesting of more than 100 levels and integers of more than 4,300 digits are refused.
    """

    def verdict(self, _example: Example, output: str, /) -> Verdict:
        """Return 1 or 0, and where the text stops being JSON."""
        try:
            read_json(output)
        except NotJsonError as error:
            fenced = " It stands in a code fence: send it bare." if output.lstrip().startswith(FENCE) else ""
            return Verdict(score=0.0, feedback=not_json(error, output) + fenced)
        return Verdict(score=1.0, feedback="Right: valid JSON.")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonEqual(DeterministicMetric):
    """Score 1 when output and ideal are JSON texts of equal value, else 0.

    Range {0, 1}; symmetric. A code fence around either is removed. Values are equal as JSON Schema 2020-12, section
    4.2.2, has it: numbers as numbers, members in any order, items in theirs. What is JSON is said at `json_valid`.
    """

    needs_ideal: ClassVar[bool] = True

    def verdict(self, example: Example, output: str, /) -> Verdict:
        """Return 1 or 0, and the paths at which the values differ."""
        expected = _expected(example)
        pause()
        try:
            got = read_json(without_fence(output))
        except NotJsonError as error:
            return Verdict(score=0.0, feedback=not_json(error, output))
        pause()
        found = list(islice(differences(expected, got), SHOWN + 1))
        if not found:
            return Verdict(score=1.0, feedback="Right: the JSON value expected.")
        return Verdict(score=0.0, feedback=f"Wrong: {listed(found)}")

    def check(self, example: Example) -> None:
        """Raise ModelError if the example has no ideal that is JSON."""
        _expected(example)


def not_json(error: NotJsonError, output: str) -> str:
    """Say that an output is no JSON, and why."""
    return f"Wrong: expected JSON, got {quoted(output.strip())}, which is not: {error}."


def listed(found: list[str]) -> str:
    """Return the first few in a sentence, and whether there are more."""
    more = "; and more" if len(found) > SHOWN else ""
    return f"{'; '.join(found[:SHOWN])}{more}."


def _expected(example: Example) -> object:
    ideal = ideal_of(example)
    try:
        return read_json(without_fence(ideal))
    except NotJsonError as error:
        raise unscorable("unusable_ideal", f"the ideal of example {example.id} is not JSON: {error}") from None
