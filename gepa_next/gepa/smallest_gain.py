"""The smallest gain that a number of held-out examples could show."""

from dataclasses import dataclass
from math import sqrt

from gepa_next.gepa.paired import FEWEST_TO_CONCLUDE
from gepa_next.gepa.statistics import student_quantile

ASSUMED_SD = 0.4  # of champion minus seed prompt on one example: 0.2 to 0.5 in simulated jobs with a judge


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallestGain:
    """Mean paired differences that just reach 95 % on `n` examples, None with the reason why nothing can.

    `zero_or_one` is that of scores which are 0 or 1, by the exact sign test, when the champion wins and never loses.
    `graded` is that of other scores, by the t test, when the differences have the standard deviation `assumed_sd`.
    """

    n: int
    zero_or_one: float | None
    graded: float | None
    assumed_sd: float
    reason: str | None


def smallest_gain(n: int) -> SmallestGain:
    """Return what n held-out examples could show; to be likely to show, a gain must be larger."""
    if n < FEWEST_TO_CONCLUDE:
        reason = f"{n} held out, and fewer than {FEWEST_TO_CONCLUDE} cannot reach 95 % whatever the gain"
        return SmallestGain(n=n, zero_or_one=None, graded=None, assumed_sd=ASSUMED_SD, reason=reason)
    graded = min(1.0, student_quantile(n - 1) * ASSUMED_SD / sqrt(n))
    return SmallestGain(
        n=n, zero_or_one=FEWEST_TO_CONCLUDE / n, graded=graded, assumed_sd=ASSUMED_SD, reason=None
    )  # fmt: skip
