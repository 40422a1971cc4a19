"""Metrics on text alone: exact match and containment."""

import unicodedata

from gepa_next.errors import ModelError
from gepa_next.gepa.types import Example, Verdict

QUOTED_CHARACTERS = 200


def exact_match(example: Example, output: str) -> Verdict:
    """Score 1 when output and ideal are the same text after Unicode NFC and stripping, else 0.

    Range {0, 1}; ModelError for an example without an ideal. Exact match as in SQuAD (Rajpurkar et
    al., arXiv:1606.05250), without its lower-casing and removal of articles and punctuation.
    """
    ideal, answer = _ideal(example), _normal(output)
    if answer == ideal:
        return Verdict(score=1.0, feedback=f"Right: exactly {ideal!r}.")
    return Verdict(score=0.0, feedback=f"Wrong: expected exactly {ideal!r}, got {_start(answer)}.")


def contains(example: Example, output: str) -> Verdict:
    """Score 1 when the ideal occurs in the output, both after Unicode NFC, the ideal stripped, else 0.

    Range {0, 1}; case counts; ModelError for an example without an ideal. An own definition, the usual
    one of containment checks.
    """
    ideal, answer = _ideal(example), _normal(output)
    if ideal in answer:
        return Verdict(score=1.0, feedback=f"Right: the answer contains {ideal!r}.")
    return Verdict(score=0.0, feedback=f"Wrong: expected an answer that contains {ideal!r}, got {_start(answer)}.")


def _ideal(example: Example) -> str:
    if example.ideal is None:
        raise ModelError("no_ideal", f"example {example.id} has no ideal to compare with", sends=0, cost_usd=0.0)
    return _normal(example.ideal)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _start(answer: str) -> str:
    """Return the answer quoted, and its start only if it is long: the reflector reads all of it elsewhere."""
    return repr(answer) if len(answer) <= QUOTED_CHARACTERS else f"{answer[:QUOTED_CHARACTERS]!r}…"
