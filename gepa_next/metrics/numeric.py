"""The metric on numbers: the last one in the output against the last one in the ideal."""

import re
from collections import deque
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import ClassVar

from gepa_next.errors import ModelError
from gepa_next.gepa.types import Example, Verdict
from gepa_next.metrics.deterministic import DeterministicMetric, ideal_of, normal, quoted, unscorable

_NUMBER = re.compile(r"(?<![\w.])[-+\u2212]?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")
_PRECISION = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Numeric(DeterministicMetric):
    """Score 1 when the last number in the output is the last number in the ideal, give or take `tolerance`, else 0.

    Range {0, 1}; symmetric. |output - ideal| <= tolerance in decimal arithmetic of 100 digits, so that 0.3 is within
    0.1 of 0.4. A number is written with digits, commas between groups of three, a decimal point, an exponent, a sign;
    what stands around it (currency, per cent, units) is passed over, and fractions are not read. The last number as
    the answer is the usual reading of GSM8K (Cobbe et al., arXiv:2110.14168).
    """

    needs_ideal: ClassVar[bool] = True
    tolerance: float = 0.0

    def verdict(self, example: Example, output: str, /) -> Verdict:
        """Return 1 or 0, both numbers and how far apart they are."""
        expected, got = _number_of(example), last_number(output)
        if got is None:
            said = f"Wrong: expected the number {_written(expected)}, got no number in {quoted(normal(output))}."
            return Verdict(score=0.0, feedback=said)
        apart = _context().abs(_context().subtract(got, expected))
        if got == expected or (apart.is_finite() and apart <= Decimal(str(self.tolerance))):
            return Verdict(score=1.0, feedback=f"Right: {_written(got)}.")
        said = f"Wrong: expected the number {_written(expected)}{self._give_or_take()}, got {_written(got)}"
        return Verdict(score=0.0, feedback=f"{said}, which is {_written(apart)} away.")

    def check(self, example: Example) -> None:
        """Raise ModelError if the example has no ideal with a number."""
        _number_of(example)

    def _give_or_take(self) -> str:
        return f" give or take {self.tolerance:g}" if self.tolerance else ""


def last_number(text: str) -> Decimal | None:
    """Return the last number in a text, None if there is none that can be read."""
    found = deque(_NUMBER.finditer(text), maxlen=1)
    if not found:
        return None
    number = _context().create_decimal(found[0][0].replace(",", "").replace("\u2212", "-"))
    return number if number.is_finite() else None


def _number_of(example: Example) -> Decimal:
    number = last_number(ideal_of(example))
    if number is None:
        raise _no_number(example)
    return number


def _no_number(example: Example) -> ModelError:
    return unscorable("unusable_ideal", f"there is no number in the ideal of example {example.id}")


def _written(number: Decimal) -> str:
    return f"{number:.12g}"


def _context() -> Context:
    # Nothing is raised for numbers out of all bounds: they become infinite, or no number.
    return Context(prec=_PRECISION, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
