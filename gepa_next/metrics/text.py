"""Metrics on text alone: exact match and containment."""

import unicodedata

from gepa_next.gepa.types import Example, Verdict


def exact_match(example: Example, output: str) -> Verdict:
    """Score 1 when output and ideal are the same text after Unicode NFC and stripping, else 0.

    Range {0, 1}. Exact match as in SQuAD (Rajpurkar et al., arXiv:1606.05250), without its lower-casing
    and removal of articles and punctuation.
    """
    ideal, answer = _normal(example.ideal or ""), _normal(output)
    if answer == ideal:
        return Verdict(score=1.0, feedback=f"Right: exactly {ideal!r}.")
    return Verdict(score=0.0, feedback=f"Wrong: expected exactly {ideal!r}, got {answer!r}.")


def contains(example: Example, output: str) -> Verdict:
    """Score 1 when the ideal occurs in the output, both after Unicode NFC, the ideal stripped, else 0.

    Range {0, 1}; case counts. An own definition, the usual one of containment checks.
    """
    ideal, answer = _normal(example.ideal or ""), _normal(output)
    if ideal in answer:
        return Verdict(score=1.0, feedback=f"Right: the answer contains {ideal!r}.")
    return Verdict(score=0.0, feedback=f"Wrong: expected an answer that contains {ideal!r}, got {answer!r}.")


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()
