"""The held-out statistics against brute force."""

import random
from itertools import product
from statistics import mean
from time import process_time

import pytest

from gepa_next.gepa.statistics import bootstrap_interval, sign_test


@pytest.mark.parametrize(("wins", "losses"), [(w, n - w) for n in range(1, 11) for w in range(n + 1)])
def test_the_sign_test_is_the_share_of_outcomes_at_least_as_lopsided(wins: int, losses: int) -> None:
    decided = wins + losses
    outcomes = [sum(signs) for signs in product([0, 1], repeat=decided)]
    extreme = sum(abs(2 * each - decided) >= abs(wins - losses) for each in outcomes)
    assert sign_test(wins, losses) == pytest.approx(extreme / len(outcomes))


def test_ties_alone_decide_nothing() -> None:
    assert sign_test(0, 0) == 1.0


def test_the_sign_test_is_quick_however_many_examples_there_are() -> None:
    start = process_time()
    assert sign_test(5100, 4900) == pytest.approx(0.0466, abs=0.001)
    assert process_time() - start < 1


def test_the_interval_is_the_same_for_the_same_seed_and_holds_the_mean() -> None:
    differences = [0.1, -0.2, 0.4, 0.0, 0.3, 0.3]
    low, high = bootstrap_interval(differences, seed=7)
    assert (low, high) == bootstrap_interval(differences, seed=7)
    assert low != bootstrap_interval([each + 0.01 for each in differences], seed=7)[0]
    assert low < mean(differences) < high


def test_the_interval_is_that_of_all_resamples() -> None:
    differences = [0.0, 0.1, 0.3, 0.7]
    every = sorted(mean(drawn) for drawn in product(differences, repeat=4))
    low, high = bootstrap_interval(differences, seed=1)
    assert low == pytest.approx(every[int(0.025 * len(every))], abs=0.03)
    assert high == pytest.approx(every[int(0.975 * len(every))], abs=0.03)


def test_differences_that_are_all_the_same_have_no_spread() -> None:
    assert bootstrap_interval([0.5] * 8, seed=1) == (0.5, 0.5)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = random.Random(1)  # noqa: S311 - for repetition, not for secrets
    covered = 0
    for seed in range(100):
        low, high = bootstrap_interval([rng.gauss(0.2, 0.5) for _ in range(25)], seed=seed)
        covered += low <= 0.2 <= high
    assert 86 <= covered <= 99
