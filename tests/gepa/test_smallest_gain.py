"""The smallest gain is where significance begins, and there is none where there are too few examples."""

import pytest

from gepa_next.gepa.paired import paired_test, verdict
from gepa_next.gepa.smallest_gain import smallest_gain
from gepa_next.gepa.statistics import sign_test, student_quantile


def judged(differences: list[float]) -> str:
    scores = {f"e{number}": each for number, each in enumerate(differences)}
    return verdict(paired_test(dict.fromkeys(scores, 0.0), scores, seed=1))


@pytest.mark.parametrize("n", [6, 7, 12, 20, 50, 200])
def test_with_scores_of_0_or_1_the_smallest_gain_is_significant_and_less_is_not(n: int) -> None:
    wins = round((smallest_gain(n).zero_or_one or 0) * n)
    assert sign_test(wins, 0) < 0.05 < sign_test(wins - 1, 0)
    assert judged([1.0] * wins + [0.0] * (n - wins)) == "improved"
    assert judged([1.0] * (wins - 1) + [0.0] * (n - wins + 1)) != "improved"


@pytest.mark.parametrize("n", range(6))
def test_below_six_examples_nothing_can_be_shown_and_the_reason_is_given(n: int) -> None:
    found = smallest_gain(n)
    assert (found.zero_or_one, found.graded) == (None, None)
    assert str(n) in (found.reason or "")


def test_with_graded_scores_more_examples_show_smaller_gains() -> None:
    gains = [smallest_gain(n).graded or 0.0 for n in (6, 12, 50, 200)]
    assert gains == sorted(gains, reverse=True)
    assert gains[-1] == pytest.approx(1.972 * 0.4 / 200**0.5, abs=1e-4)


def test_a_gain_that_can_be_shown_has_no_reason_why_not() -> None:
    assert smallest_gain(6).reason is None


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(5, 2.5706), (10, 2.2281), (19, 2.0930), (30, 2.0423), (199, 1.9720)]
)
def test_the_quantiles_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert student_quantile(freedom) == pytest.approx(quantile, abs=1e-3)
