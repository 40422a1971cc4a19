"""Warnings: what makes a judge's scores worth less than they look."""

from collections.abc import Iterator
from dataclasses import dataclass

from gepa_next.gepa.length import LengthCorrelation

JUDGE_IS_TARGET, SCORE_FOLLOWS_LENGTH = WARNINGS = ("judge_is_target", "score_follows_length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """One warning: a stable code, and the same for people."""

    code: str
    message: str


def same_model_warning(*, target: str, judge: str) -> Iterator[Warned]:
    """Yield a warning if the model that is judged judges."""
    if target == judge:
        said = f"{judge} judges its own outputs, and models favour what they wrote: let another model judge"
        yield Warned(code=JUDGE_IS_TARGET, message=said)


def length_warning(found: LengthCorrelation | None) -> Iterator[Warned]:
    """Yield a warning if scores go with length."""
    if found is None or not found.is_strong:
        return
    which = "longer" if found.r > 0 else "shorter"
    yield Warned(
        code=SCORE_FOLLOWS_LENGTH,
        message=f"{which} outputs got higher scores (rank correlation {found.r:+.2f} over {found.n} outputs):"
        " see whether they are better, or the judge goes by length",
    )
