"""The held-out statistics against brute force, and against what they promise."""

import random
from collections.abc import Callable
from itertools import product
from math import comb, sqrt
from statistics import mean
from time import process_time

import pytest

from gepa_next.gepa.statistics import shown_by, sign_test


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


def test_the_interval_is_that_of_all_resamples_with_a_win_and_a_loss_of_the_largest_size() -> None:
    differences = [0.1, 0.3, 0.7]
    both = [*differences, 0.7, -0.7]
    distances = sorted(abs(mean(drawn) - mean(both)) * sqrt(5 / 4) for drawn in product(both, repeat=5))
    half = distances[int(0.95 * len(distances))]
    shown = shown_by(differences, seed=1)
    assert shown.interval == pytest.approx((mean(both) - half, mean(both) + half), abs=0.05)
    assert shown.p_value == pytest.approx(mean(each >= mean(both) for each in distances), abs=0.03)


@pytest.mark.parametrize("n", [6, 20])
def test_one_example_that_is_hardly_different_changes_hardly_anything(n: int) -> None:
    low, high = shown_by([0.7] * n, seed=1).interval
    assert shown_by([0.7] * (n - 1) + [0.7001], seed=1).interval == pytest.approx((low, high), abs=0.06)


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


def of_a_judge(rng: random.Random) -> float:
    return rng.choices([0.7, 0.9, -0.3], [0.85, 0.1, 0.05])[0]


@pytest.mark.parametrize(
    ("drawn", "truth", "n"),
    [
        (lambda rng: rng.gauss(0.1, 0.2), 0.1, 8),
        (lambda rng: rng.choice([-0.5, 0.0, 0.5, 1.0]), 0.25, 12),
        (of_a_judge, 0.67, 20),
    ],
)
def test_the_interval_covers_the_true_mean_at_least_as_often_as_it_says(
    drawn: Callable[[random.Random], float], truth: float, n: int
) -> None:
    rng = random.Random(1)  # noqa: S311 - for repetition, not for secrets
    intervals = [shown_by([drawn(rng) for _ in range(n)], seed=seed).interval for seed in range(200)]
    assert mean(low <= truth <= high for low, high in intervals) >= 0.94
