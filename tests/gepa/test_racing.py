"""Races: who falls behind is not run on the rest, and one winner at most is."""

from collections import Counter
from dataclasses import dataclass, replace

import pytest

from gepa_next.gepa.acceptance import Comparison
from gepa_next.gepa.racing import FIRST_BLOCK, block_ends, drop_those_behind
from gepa_next.gepa.replies import PromptReply
from gepa_next.gepa.state import SAME_TEXT
from gepa_next.gepa.types import Decision, Role
from tests.gepa.stage import SEED_PROMPT, Ended, Models, ended, folded, requests, task_of


@dataclass
class Runner:
    comparison: Comparison | None
    reason: str | None = None


def by(difference: float) -> Runner:
    return Runner(Comparison(score=0.5 + difference, parent_score=0.5, compared=4))


def test_who_is_behind_its_parent_is_dropped_and_who_is_level_is_not() -> None:
    behind, level = by(-0.1), by(0.0)
    drop_those_behind([behind, level])
    assert (behind.reason, level.reason) == ("behind", None)


def test_only_the_one_furthest_ahead_goes_on_and_of_equals_the_first() -> None:
    racers = [by(0.1), by(0.3), by(0.3), by(-0.1)]
    drop_those_behind(racers)
    assert [each.reason for each in racers] == ["outrun", None, "outrun", "behind"]


@pytest.mark.parametrize("count", range(1, 120))
def test_blocks_grow_and_end_with_all_examples(count: int) -> None:
    ends = block_ends(count)
    assert ends[-1] == count
    assert ends == sorted(set(ends))
    assert count < 4 or 2 * ends[0] <= count


@pytest.mark.parametrize(
    ("count", "ends"), [(2, [2]), (3, [3]), (4, [2, 4]), (5, [2, 5]), (6, [3, 6]), (8, [4, 8]), (40, [6, 12, 24, 40])]
)
def test_where_few_examples_decide_half_of_them_are_the_first_block(count: int, ends: list[int]) -> None:
    assert block_ends(count) == ends


@pytest.fixture(scope="module")
def whole() -> Ended:
    return ended(replace(task_of(requests(60)), iterations=5, population=4), Models())


def test_one_proposal_of_an_iteration_is_accepted_at_most(whole: Ended) -> None:
    accepted = Counter(each.iteration for each in whole.state.candidates.values() if each.decision is Decision.ACCEPTED)
    assert accepted
    assert max(accepted.values()) == 1


@pytest.mark.parametrize("examples", [2, 3, 7])
@pytest.mark.parametrize("seed", range(4))
def test_so_it_is_where_one_block_is_the_whole_race(examples: int, seed: int) -> None:
    task = replace(task_of(requests(examples)), iterations=5, population=6, seed=seed)
    candidates = ended(task, Models()).state.candidates.values()
    assert len(block_ends(len(task.validation))) == 1
    accepted = Counter(each.iteration for each in candidates if each.decision is Decision.ACCEPTED)
    assert accepted
    assert max(accepted.values()) == 1


def test_who_was_outrun_was_run_on_the_first_block_only(whole: Ended) -> None:
    outrun = [each for each in whole.state.candidates.values() if each.reason == "outrun"]
    assert outrun
    assert {each.compared for each in outrun} == {FIRST_BLOCK}


def test_no_pair_of_candidate_and_example_is_paid_for_twice() -> None:
    models = Models()
    whole = ended(replace(task_of(requests(60)), iterations=5, population=4), models)
    assert whole.state.rollouts_used == len(whole.state.rollouts)


def test_a_text_that_comes_again_keeps_the_scores_it_had_and_nobody_pays_for_them_again() -> None:
    task = task_of(requests(90), iterations=30, population=2)
    models = Models(reflector=lambda _: PromptReply(lesson="", prompt=f"{SEED_PROMPT} Be brief."))
    whole = ended(task, models)
    times = Counter(each.text for each in whole.state.candidates.values() if each.compared)
    assert times[f"{SEED_PROMPT} Be brief."] > 1
    asked = Counter(call.messages for call in models.asked(Role.TARGET))
    assert max(asked.values()) == 1
    taken = [each for each in whole.state.rollouts.values() if SAME_TEXT in each.flags]
    assert taken
    assert whole.state.rollouts_used == len(asked) == len(whole.state.rollouts) - len(taken)
    told = [step for step in whole.steps if "rollouts_known" in step.data]
    assert len(told) == times[f"{SEED_PROMPT} Be brief."] - 1
    assert folded(task, [step.delta for step in whole.steps]) == whole.state
