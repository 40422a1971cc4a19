"""The held-out statistics against brute force, and against what they promise."""

import random
from itertools import product
from math import comb, sqrt
from statistics import mean, stdev
from time import process_time

import pytest

from gepa_next.gepa.statistics import LEAST_SPREAD, shown_by, sign_test


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


def signs(wins: int, losses: int, ties: int, *, size: float = 1.0) -> list[float]:
    return [size] * wins + [-size] * losses + [0.0] * ties


@pytest.mark.parametrize("n", [1, 6, 11, 25])
def test_with_scores_of_0_or_1_the_interval_leaves_out_0_where_the_sign_test_reaches_5_percent(n: int) -> None:
    for wins in range(n + 1):
        for losses in range(n + 1 - wins):
            shown = shown_by(signs(wins, losses, n - wins - losses), seed=1)
            low, high = shown.interval
            assert shown.p_value == sign_test(wins, losses)
            assert (low <= 0 <= high) == (shown.p_value > 0.05), (wins, losses)
            assert -1 <= low <= (wins - losses) / n <= high <= 1


@pytest.mark.parametrize(("n", "least"), [(6, 0.91), (12, 0.92), (20, 0.92), (40, 0.92)])
def test_with_scores_of_0_or_1_the_interval_covers_whatever_the_truth_is(n: int, least: float) -> None:
    pairs = [(w, los) for w in range(n + 1) for los in range(n + 1 - w)]
    outcomes = [(*each, shown_by(signs(*each, n - sum(each)), seed=1).interval) for each in pairs]
    covered = []
    for win, loss in [(w / 10, los / 10) for w in range(10) for los in range(11 - w)]:
        tie = max(0.0, 1 - win - loss)
        holding = [(w, los) for w, los, (low, high) in outcomes if low - 1e-12 <= win - loss <= high + 1e-12]
        ways = [(comb(n, w) * comb(n - w, los), w, los) for w, los in holding]
        covered.append(sum(many * win**w * loss**los * tie ** (n - w - los) for many, w, los in ways))
    assert min(covered) >= least
    assert 0.95 <= mean(covered) <= 0.985


def test_differences_of_one_size_are_judged_by_their_signs_and_scaled() -> None:
    whole, tenths = shown_by(signs(8, 1, 3), seed=1), shown_by(signs(8, 1, 3, size=0.1), seed=2)
    assert tenths.p_value == whole.p_value
    assert tenths.interval == pytest.approx([each / 10 for each in whole.interval])


def test_prompts_that_never_differ_may_still_differ_a_little() -> None:
    shown = shown_by([0.0] * 60, seed=1)
    assert shown.p_value == 1
    assert shown.interval == (-shown.interval[1], pytest.approx(2.77 / 62, abs=1e-4))


def test_what_is_shown_is_the_same_for_the_same_seed() -> None:
    differences = [0.1, -0.2, 0.4, 0.0, 0.3, 0.3]
    assert shown_by(differences, seed=7) == shown_by(differences, seed=7)
    assert shown_by(differences, seed=7) != shown_by(differences, seed=8)


def test_the_interval_is_that_of_all_resamples() -> None:
    differences = [-0.1, 0.0, 0.1, 0.3, 0.7]
    middle, error = mean(differences), stdev(differences) / sqrt(5)
    distances = sorted(
        abs(mean(drawn) - middle) / max(stdev(drawn) / sqrt(5), LEAST_SPREAD * error)
        for drawn in product(differences, repeat=5)
    )
    half = distances[int(0.95 * len(distances))] * error
    low, high = shown_by(differences, seed=1).interval
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=0.05)
    p_value = mean(each >= middle / error for each in distances)
    assert shown_by(differences, seed=1).p_value == pytest.approx(p_value, abs=0.02)


def test_the_interval_leaves_out_0_where_the_p_value_is_at_most_5_percent() -> None:
    rng = random.Random(5)  # noqa: S311 - for repetition, not for secrets
    sides = set()
    for seed in range(150):
        shift = rng.choice([-0.3, 0.0, 0.2])
        differences = [rng.choice([rng.gauss(shift, 0.2), 0.0, round(rng.gauss(shift, 0.2), 1)]) for _ in range(9)]
        shown = shown_by(differences, seed=seed)
        low, high = shown.interval
        assert (low <= 0 <= high) == (shown.p_value > 0.05)
        sides.add((low > 0) - (high < 0))
    assert sides == {-1, 0, 1}


@pytest.mark.parametrize("differences", [[0.5] * 6 + [1.0] * 2, [0.5] * 6 + [1.0], [0.1] * 9 + [0.2]])
def test_wins_on_all_examples_leave_out_0_though_most_are_of_one_size(differences: list[float]) -> None:
    low, high = shown_by(differences, seed=1).interval
    assert 0 < low < sum(differences) / len(differences) < high


def test_the_interval_covers_the_true_mean_as_often_as_it_says_where_there_are_few() -> None:
    rng = random.Random(1)  # noqa: S311 - for repetition, not for secrets
    covered = 0
    for seed in range(300):
        low, high = shown_by([rng.gauss(0.1, 0.2) for _ in range(8)], seed=seed).interval
        covered += low <= 0.1 <= high
    assert 0.93 <= covered / 300 <= 0.98
