"""The comparison of searches is a fair one: every task can be won, nothing counted is hidden, every idea can be off."""

import pytest

from benchmarks.search.ablations import IDEAS, without
from benchmarks.search.families import FIRST_SEED, REPORTED, TUNING, Family
from benchmarks.search.models import Models
from benchmarks.search.ours import optimise
from benchmarks.search.results import reached_at, score_at
from benchmarks.search.trial import carried_out
from benchmarks.search.world import World

BY_NAME = {family.name: family for family in REPORTED}


@pytest.mark.parametrize("family", [*REPORTED, *TUNING], ids=lambda family: family.name)
def test_the_seed_prompt_is_0_and_the_best_known_one_1_with_room_between(family: Family) -> None:
    world = World(family, 7)
    assert world.normalised(world.seed_prompt) == 0
    assert world.normalised("\n".join([world.seed_prompt, *world.right_rules()])) == pytest.approx(1, abs=0.3)
    assert world.best_score > world.seed_score + 0.03


def test_what_was_tuned_on_is_not_what_is_reported() -> None:
    assert {family.name for family in REPORTED} == {family.name for family in TUNING}
    assert not set(REPORTED) & set(TUNING)
    assert abs(FIRST_SEED["reported"] - FIRST_SEED["tuning"]) > 500


def test_every_rollout_of_ours_is_counted_and_the_budget_kept() -> None:
    models = Models(World(BY_NAME["few"], 7))
    judged = optimise(models, 150)
    assert 100 < models.rollouts <= 150
    assert judged
    assert models.world.normalised(models.curve[-1][1]) > 0


def curves() -> list[object]:
    found: list[object] = []
    for name, seed, budget in (("few", 7, 500), ("dilution", 9, 500), ("additive", 7, 500), ("binary", 1, 1200)):
        models = Models(World(BY_NAME[name], seed))
        optimise(models, budget)
        found.append(models.curve)
    return found


@pytest.fixture(scope="module")
def with_all_ideas() -> list[object]:
    return curves()


@pytest.mark.parametrize("idea", IDEAS)
def test_an_idea_that_is_off_changes_the_search(idea: str, with_all_ideas: list[object]) -> None:
    with without(idea):
        assert curves() != with_all_ideas


def test_an_idea_that_was_off_is_on_again(with_all_ideas: list[object]) -> None:
    for idea in IDEAS:
        with without(idea):
            pass
    assert curves() == with_all_ideas


@pytest.mark.parametrize("system", ["ours", "climb"])
@pytest.mark.parametrize("family", BY_NAME)
def test_ours_and_the_climb_search_every_family_within_the_budget(family: str, system: str) -> None:
    found = carried_out({"kind": "reported", "family": family, "system": system, "seed": 7, "max_rollouts": 240})
    assert "failed" not in found
    assert 150 < found["rollouts"] <= 240
    assert found["proposals"] > 0
    assert found["curve"][0][1] == 0
    assert max(score for _, score in found["curve"]) > 0 or family == "good"  # where proposals mostly harm


def test_a_trial_has_the_same_result_each_time() -> None:
    trial = {"kind": "tuning", "family": "few", "system": "climb", "seed": 3}
    assert carried_out(trial) == carried_out(trial)


def test_a_score_counts_from_the_rollout_at_which_it_would_be_returned_and_is_reached_when_it_stays() -> None:
    result = {"curve": [(10, 0.0), (20, 0.6), (30, 0.4), (40, 0.7)]}
    assert [score_at(result, at) for at in (5, 19, 20, 35, 100)] == [0.0, 0.0, 0.6, 0.4, 0.7]
    assert reached_at(result["curve"], 0.5) == 40
    assert reached_at(result["curve"], 0.8) == float("inf")
