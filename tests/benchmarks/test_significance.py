"""The tests of the report against values that are known."""

from itertools import product

import pytest

from benchmarks.search.significance import chance_of_as_many, chance_of_less, holm, interval, standard_error

# Darwin's crossed and self-fertilised maize, in eighths of an inch: the example of Fisher (1935), section 21.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_fishers_own_example_has_fishers_own_value() -> None:
    assert chance_of_less([-each / 1000 for each in MAIZE]) == 863 / 32768
    assert chance_of_less([each / 1000 for each in MAIZE]) == 1 - 835 / 32768


@pytest.mark.parametrize(
    "differences", [[0.3, -0.2, 0.1], [0.0, -0.5, 0.5, 0.25], [-0.1, -0.1, -0.1, 0.2], [0.0, 0.0], [-1.0, -0.0001, 1.0]]
)
def test_the_chance_is_the_share_of_all_signs_whose_sum_is_as_low(differences: list[float]) -> None:
    sums = [
        sum(s * abs(d) for s, d in zip(signs, differences, strict=True))
        for signs in product((1, -1), repeat=len(differences))
    ]
    assert chance_of_less(differences) == sum(each <= sum(differences) + 1e-9 for each in sums) / len(sums)


def test_a_fair_coin_shows_no_tail_in_five_throws_once_in_thirty_two() -> None:
    assert [chance_of_as_many(count, 5) for count in (0, 3, 5)] == [1.0, 0.5, 1 / 32]
    assert chance_of_as_many(0, 0) == 1.0
    assert chance_of_as_many(15, 20) == pytest.approx(0.02069, abs=1e-5)


def test_holm_multiplies_by_what_is_left_and_never_turns_the_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_an_interval_holds_the_mean_and_shrinks_with_the_spread() -> None:
    low, high = interval([0.1, 0.2, 0.3, 0.4] * 6)
    assert 0.2 < low < 0.25 < high < 0.3
    assert interval([0.5] * 8) == (0.5, 0.5)


def test_the_standard_error_is_that_of_the_mean() -> None:
    assert standard_error([1.0, 2.0, 3.0, 4.0]) == pytest.approx(0.6455, abs=1e-4)
