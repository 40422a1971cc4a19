"""Agreement of two scores is what textbooks say it is."""

import random
import statistics

import pytest

from gepa_next.gepa.agreement import agreement, correlation, points
from gepa_next.gepa.ranks import ranks


def test_agreement_is_told_in_the_judges_points() -> None:
    found = agreement([0.3, 0.5, 0.9, 1.0], [0.3, 0.6, 0.4, 0.94], [1, 2, 3, 4])
    assert (found.n, found.exact, found.within_one) == (4, 0.25, 0.75)
    assert found.mean_error == pytest.approx((0.0 - 0.1 + 0.5 + 0.06) / 4)
    assert found.mean_absolute_error == pytest.approx((0.0 + 0.1 + 0.5 + 0.06) / 4)


@pytest.mark.parametrize(
    ("score", "expected"), [(0, 0), (0.04, 0), (0.05, 1), (0.15, 2), (0.25, 3), (0.949, 9), (1, 10)]
)
def test_scores_are_rounded_to_points_halves_up(score: float, expected: int) -> None:
    assert points(score) == expected


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranks([0.5, 0.1, 0.5, 0.9]) == [2.5, 1.0, 2.5, 4.0]


def test_spearman_of_a_worked_example_with_ties() -> None:
    """Ranks 1.5 1.5 3 4 5 beside 1 2 4 4 4: deviations multiply to 7.5, over the root of 9.5 times 8."""
    found = agreement([0.1, 0.1, 0.3, 0.4, 0.9], [0.0, 0.2, 0.8, 0.8, 0.8], [1, 1, 1, 1, 1])
    assert found.spearman == pytest.approx(7.5 / (9.5 * 8) ** 0.5)


def counted(values: list[float]) -> list[float]:
    """Return the ranks by counting who is smaller, and who is equal."""
    return [sum(each < one for each in values) + (sum(each == one for each in values) + 1) / 2 for one in values]


def test_correlation_and_slope_are_those_of_the_standard_library() -> None:
    rng = random.Random(3)  # noqa: S311 - for repetition, not for secrets
    judged, human = ([rng.randrange(11) / 10 for _ in range(50)] for _ in range(2))
    lengths = [rng.randrange(5000) for _ in range(50)]
    errors = [mine - theirs for mine, theirs in zip(judged, human, strict=True)]
    found = agreement(judged, human, lengths)
    assert found.spearman == pytest.approx(statistics.correlation(counted(judged), counted(human)))
    assert found.length_correlation == pytest.approx(statistics.correlation(errors, lengths))
    assert found.length_slope == pytest.approx(1000 * statistics.linear_regression(lengths, errors).slope)


def test_a_judge_that_likes_length_is_found_out() -> None:
    found = agreement([0.2, 0.5, 0.8], [0.5, 0.5, 0.5], [100, 1100, 2100])
    assert (found.length_correlation, found.length_slope) == (pytest.approx(1), pytest.approx(0.3))


def test_where_nothing_varies_nothing_is_claimed() -> None:
    found = agreement([0.5, 0.5], [0.1, 0.9], [7, 7])
    assert (found.spearman, found.length_correlation, found.length_slope) == (None, None, None)
    assert correlation([0.1, 0.1, 0.1], [0.1 + 0.2, 0.3, 0.3]) is None
