"""The last number in the output is the last one in the ideal, give or take."""

import random
from fractions import Fraction

import pytest

from gepa_next.errors import ModelError
from tests.metrics.scoring import score, verdict


def near(tolerance: float) -> dict[str, object]:
    return {"name": "numeric", "tolerance": tolerance}


@pytest.mark.parametrize(
    ("ideal", "output", "expected"),
    [
        ("42", "42", 1), ("42", "42.0", 1), ("42", "The answer is 42.", 1), ("42", "first 7, then 42", 1),
        ("42", "42, I take it, and not 43", 0), ("42", "forty-two", 0), ("42", "", 0), ("#### 42", "42", 1),
        ("1234.5", "$1,234.50", 1), ("1234567", "1,234,567", 1), ("3", "1,2,3", 1), ("5", "1,2345", 0),
        ("-5", "x = -5", 1), ("-5", "x = \u22125", 1), ("5", "10-5", 1), ("+5", "5", 1), ("0.5", ".5", 1),
        ("50", "50%", 1), ("1e3", "1000", 1), ("1000", "1E+3 units", 1), ("2", "1/2", 1), ("1.2", "v 1.2.3", 1),
        ("5", "5.", 1), ("0", "-0", 1), ("7", "a7", 0), ("7", "7th", 1), ("12", "\u0661\u0662", 1), ("2", "x\u00b2", 0),
    ],
)  # fmt: skip
def test_numbers_are_read_from_text(ideal: str, output: str, expected: int) -> None:
    assert score("numeric", ideal, output) == expected


@pytest.mark.parametrize(
    ("tolerance", "ideal", "output", "expected"),
    [(0.1, "0.4", "0.3", 1), (0.1, "0.4", "0.299", 0), (0.01, "2", "2.01", 1), (0, "0.3", "0.30000000000000004", 0),
     (1e-6, "1", "1.0000001", 1), (1, "1e30", "1000000000000000000000000000001", 1), (5, "-2", "3", 1)],
)  # fmt: skip
def test_the_tolerance_is_absolute_and_exact(tolerance: float, ideal: str, output: str, expected: int) -> None:
    assert score(near(tolerance), ideal, output) == expected


def test_it_agrees_with_exact_fractions_and_is_the_same_both_ways() -> None:
    rng = random.Random(3)
    for _ in range(2000):
        one, other = (f"{rng.uniform(-3, 3):.{rng.randint(0, 4)}f}" for _ in range(2))
        tolerance = rng.choice([0.0, 0.1, 0.25, 1.0])
        apart = abs(Fraction(one) - Fraction(other))
        expected = float(apart <= Fraction(str(tolerance)))
        assert score(near(tolerance), one, other) == score(near(tolerance), other, one) == expected
        assert score(near(tolerance), one, one) == 1


@pytest.mark.parametrize(
    "output", ["1e99999999999999999999", "9" * 150_000, "-1e-999999", "1e999999999", "1," * 90_000]
)
def test_numbers_out_of_all_bounds_are_wrong_and_nothing_worse(output: str) -> None:
    assert score(near(0.5), "42", output) == 0
    assert score(near(0.5), "1e999999999", output) in {0, 1}


def test_the_feedback_says_what_came_and_how_far_it_is() -> None:
    said = verdict(near(0.5), "42", "It is 43").feedback
    assert said == "Wrong: expected the number 42 give or take 0.5, got 43, which is 1 away."
    assert "got no number in 'none'" in verdict("numeric", "42", "none").feedback


def test_an_ideal_without_a_number_is_no_score() -> None:
    with pytest.raises(ModelError, match="no number in the ideal of example e1") as caught:
        score("numeric", "many", "42")
    assert caught.value.code == "unusable_ideal"
