"""Patterns match as patterns do, and never run away."""

import random
import re

import pytest

from gepa_next.errors import ModelError
from gepa_next.metrics import compiled
from tests.metrics.scoring import score, verdict

SAFE = [
    r"a", r"^a", r"b$", r"^(a|b)+$", r"a.b", r"[ab]{2,3}c", r"(?i)AB", r"\d+", r"\bab\b", r"^$", r"a?b*c+", r"[^a]",
    r"(?:ab|c)\s", r"\Aab", r"a\.b",
]  # fmt: skip


def regex(pattern: str) -> dict[str, object]:
    return {"name": "regex", "pattern": pattern}


def test_it_agrees_with_another_engine_on_patterns_that_both_know() -> None:
    rng = random.Random(5)
    for _ in range(1500):
        output = "".join(rng.choices("abc. 1", k=rng.randint(0, 6)))
        for pattern in SAFE:
            assert score(regex(pattern), None, output) == float(re.search(pattern, output.strip()) is not None)


def test_a_pattern_may_match_anywhere_unless_it_is_anchored() -> None:
    assert score(regex("b"), None, "abc") == 1
    assert score(regex("^b$"), None, "abc") == 0
    assert score(regex("^b$"), None, "b\n") == 1


@pytest.mark.parametrize(
    ("pattern", "output"),
    [
        (r"(a+)+$", "a" * 30 + "b"), (r"(a+)+$", "a" * 150_000 + "b"), (r"(a|aa)+$", "a" * 150_000 + "b"),
        (r"(.*)*x", "a" * 150_000), (r"^(\w+\s?)*$", "word " * 30_000 + "!"),
        (r"(?:a?){500}a{500}b", "a" * 100_000), (r"(x+x+)+y", "x" * 150_000),
    ],
)  # fmt: skip
def test_a_pattern_that_runs_away_elsewhere_ends(pattern: str, output: str) -> None:
    assert score(regex(pattern), None, output) == 0


def test_a_pattern_and_an_answer_that_are_both_very_large_have_no_score() -> None:
    with pytest.raises(ModelError) as caught:
        score(regex(r"^[\p{L} ]{2,40}$"), None, "a" * 200_000)
    assert (caught.value.code, caught.value.sends, caught.value.cost_usd) == ("too_complex", 0, 0.0)
    assert score(regex(r"^[\p{L} ]{2,40}$"), None, "Zo\u00eb") == 1


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "missing )"), ("a{2,1}", "invalid repetition"), ("(?=a)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"), ("(?:a{900}){900}", "invalid repetition"),
        (r"\p{L}{900}", "too large"), ("a" * 2001, "more than 2000 characters"),
    ],
)  # fmt: skip
def test_what_is_no_pattern_says_why(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        compiled(pattern)


def test_the_feedback_names_the_pattern_and_what_came() -> None:
    said = verdict(regex(r"^\d+$"), None, "many").feedback
    assert r"matches the regular expression ^\d+$, got 'many'" in said
