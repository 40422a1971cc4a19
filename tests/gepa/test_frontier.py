"""The frontier, kept up to date, is the one that a look at everything finds."""

import random
from collections.abc import Mapping

import pytest

from gepa_next.gepa.frontier import LEAST_SHARED, MOST_HOLDERS, MOST_MEMBERS, Frontier

Scores = Mapping[int, Mapping[str, float]]
EXAMPLES = [f"e{number}" for number in range(8)]


def random_scores(seed: int, *, failures: float = 0.0) -> dict[int, dict[str, float]]:
    rng = random.Random(seed)  # noqa: S311 - for repetition, not for secrets
    return {
        number: {key: rng.randint(0, 10) / 10 for key in EXAMPLES if rng.random() >= failures} for number in range(12)
    }


def built(scores: Scores) -> Frontier:
    frontier = Frontier()
    for candidate_id, mine in scores.items():
        frontier.add(candidate_id, mine)
    return frontier


def best_on(scores: Scores, key: str) -> set[int]:
    best = max((mine[key] for mine in scores.values() if key in mine), default=2.0)
    return {number for number, mine in scores.items() if mine.get(key) == best}


@pytest.mark.parametrize("failures", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(20))
def test_members_are_those_that_are_best_on_an_example(seed: int, failures: float) -> None:
    scores = random_scores(seed, failures=failures)
    assert set(built(scores).members()) == set().union(*(best_on(scores, key) for key in EXAMPLES))


@pytest.mark.parametrize("seed", range(20))
def test_without_failures_the_leader_has_the_best_mean_and_of_equals_is_the_oldest(seed: int) -> None:
    scores = random_scores(seed)
    frontier = built(scores)
    assert frontier.leader() == max(scores, key=lambda each: (round(sum(scores[each].values()), 6), -each))


def test_who_fails_on_the_hard_examples_does_not_lead_by_the_easy_ones() -> None:
    frontier = built({0: {"easy": 1.0, "hard": 0.2, "harder": 0.0}, 1: {"easy": 1.0}, 2: {"easy": 1.0, "hard": 0.2}})
    assert frontier.mean(1) == 1.0
    assert frontier.leader() == 0


def test_who_is_better_on_enough_shared_examples_leads() -> None:
    shared = EXAMPLES[: int(LEAST_SHARED * len(EXAMPLES))]
    frontier = built({0: dict.fromkeys(EXAMPLES, 0.5), 1: dict.fromkeys(shared, 0.6)})
    assert frontier.leader() == 1


def test_who_is_better_on_too_few_shared_examples_does_not_lead() -> None:
    frontier = built({0: dict.fromkeys(EXAMPLES, 0.5), 1: dict.fromkeys(EXAMPLES[:3], 1.0)})
    assert frontier.leader() == 0


def test_of_many_that_tie_on_an_example_the_best_stay_and_the_leader_always() -> None:
    scores = {number: {"a": 1.0, "b": number / 100} for number in range(3 * MOST_HOLDERS)}
    frontier = built(scores | {99: {"a": 1.0}})
    assert len(frontier.members()) == MOST_HOLDERS
    assert frontier.leader() in frontier.members()
    assert min(frontier.members()) > MOST_HOLDERS


def test_of_many_members_the_ones_furthest_behind_go_and_what_is_best_on_their_examples_stays() -> None:
    """Each is best on an example of its own, and the later ones are better on all others."""
    count = MOST_MEMBERS + 5
    scores = {
        number: {f"e{place}": 1.0 if place == number else number / 1000 for place in range(count)}
        for number in range(count)
    }
    frontier = built(scores)
    assert frontier.members() == list(range(5, count))
    frontier.add(count, {"e0": 0.9})
    assert count not in frontier.members()


def test_scores_that_come_later_are_taken_in() -> None:
    frontier = built({0: {"a": 0.5}, 1: {"a": 0.6}})
    frontier.add(0, {"a": 0.5, "b": 0.9})
    assert frontier.members() == [0, 1]
    assert frontier.mean(0) == pytest.approx(0.7)


def test_a_candidate_without_scores_is_nowhere() -> None:
    frontier = built({0: {"a": 0.0}, 1: {}})
    assert (frontier.members(), frontier.mean(1), frontier.leader()) == ([0], None, 0)


def test_a_frontier_of_nobody_is_the_seed() -> None:
    assert (Frontier().members(), Frontier().leader(), Frontier().mean(0)) == ([0], 0, None)


def test_the_credit_for_an_example_is_shared_by_all_that_are_best_on_it() -> None:
    weights = built({0: {"a": 1.0, "b": 0.0}, 1: {"a": 1.0, "b": 0.0}, 2: {"a": 0.0, "b": 1.0}}).weights()
    assert weights[0] == weights[1] == pytest.approx(weights[2] / 2)


def test_a_member_far_below_the_leader_is_an_unlikely_parent() -> None:
    high, low = dict.fromkeys(EXAMPLES, 0.8), {**dict.fromkeys(EXAMPLES, 0.3), "e0": 0.9}
    weights = built({0: high, 1: low}).weights()
    assert 0 < weights[1] < 0.01 * weights[0]


def test_who_failed_on_the_hard_examples_is_not_a_likelier_parent_than_the_leader() -> None:
    hard_and_easy = {key: float(place % 2) for place, key in enumerate(EXAMPLES)}
    weights = built({0: hard_and_easy, 1: {key: score for key, score in hard_and_easy.items() if score}}).weights()
    assert 0 < weights[1] < weights[0]


def test_who_shares_too_few_scored_examples_with_the_leader_is_hardly_ever_a_parent() -> None:
    weights = built({0: dict.fromkeys(EXAMPLES, 0.5), 1: dict.fromkeys(EXAMPLES[:3], 1.0)}).weights()
    assert 0 < weights[1] < 1e-9 * weights[0]


def test_of_many_that_tie_who_failed_on_the_hard_example_gives_way_though_its_mean_is_higher() -> None:
    leader = {"a": 0.5, "easy": 1.0, "hard": 0.5}
    tied = {number: {"a": 1.0, "easy": 0.9, "hard": 0.0} for number in range(1, MOST_HOLDERS + 1)}
    frontier = built({0: leader} | tied | {99: {"a": 1.0, "easy": 0.3}})
    assert (frontier.leader(), frontier.mean(99)) == (0, 0.65)
    assert frontier.members() == list(range(MOST_HOLDERS + 1))


def test_rounding_is_no_difference() -> None:
    assert built({0: {"a": 0.1 + 0.2}, 1: {"a": 0.3}}).members() == [0, 1]
    assert built({0: {"a": 0.3}, 1: {"a": 0.1 + 0.2}}).leader() == 0
