"""The components of a candidate: one is changed at a time, each keeps what is its own, and two lines come together."""

from dataclasses import replace

import pytest

from gepa_next.gepa.components import in_turn, joined, narrowed_task
from gepa_next.gepa.guards import refusal
from gepa_next.gepa.operators import draft
from gepa_next.gepa.proposers.draft import Merge, Plan
from gepa_next.gepa.proposers.merge import merged_by_component
from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Candidate
from tests.gepa.programs import SEEDS, evolved, program_models, program_task
from tests.gepa.stage import run_of, state_with

TASK = program_task()
SEED = evolved(0)


def refused(prompts: dict[str, str], *, seeds: dict[str, str] = SEEDS, **changes: object) -> str | None:
    state = state_with(replace(TASK, prompts=seeds, **changes), SEED)
    return refusal(state, joined(prompts), siblings=set(), prompts=prompts)


def merged(one: Candidate, other: Candidate, *older: Candidate, better: int = 1) -> object:
    scores = {(each, TASK.validation[0].id): float(each == better) for each in (1, 2)}
    return merged_by_component(state_with(TASK, SEED, *older, one, other, scores=scores), one, other)


def test_several_components_are_shown_under_their_names_and_one_alone_as_it_is() -> None:
    assert joined(SEEDS) == "[even]\nAnswer the even kinds.\n\n[odd]\nAnswer the odd kinds."
    assert joined({"prompt": "Answer."}) == "Answer."


def test_components_take_turns() -> None:
    assert [in_turn(list(SEEDS), number) for number in (1, 2, 3)] == ["odd", "even", "odd"]


def test_a_component_is_worked_on_as_if_it_were_the_prompt() -> None:
    task = replace(TASK, keep=("even kinds", "odd kinds"), max_prompt_tokens=20)
    own = narrowed_task(task, SEED, "odd")
    assert (own.prompt, own.keep) == (SEEDS["odd"], ("odd kinds",))
    assert own.max_prompt_tokens == 20 - (count_tokens(joined(SEEDS)) - count_tokens(SEEDS["odd"]))


def test_a_component_must_not_become_empty() -> None:
    assert refused({**SEEDS, "odd": " \n"}) == "empty"


def test_a_place_that_moves_to_another_component_is_missed_where_it_was() -> None:
    seeds = {"even": "For {name}: answer.", "odd": "Answer."}
    assert refused({"even": "Answer.", "odd": "For {name}: answer."}, seeds=seeds) == "placeholder"
    assert refused({"even": "Answer for {name}.", "odd": "Answer."}, seeds=seeds) is None


def test_a_text_to_keep_is_kept_in_its_component() -> None:
    swapped = {"even": "Answer the odd kinds, quickly.", "odd": "Answer the even kinds, quickly."}
    assert refused(swapped, keep=("even kinds",)) == "keep"
    assert refused({**SEEDS, "odd": "Answer quickly."}, keep=("even kinds",)) is None


def test_the_limit_on_tokens_is_one_for_all_components() -> None:
    assert refused({**SEEDS, "odd": "Answer. " * 20}, max_prompt_tokens=40) == "max_prompt_tokens"


def test_each_component_comes_from_the_candidate_in_which_it_evolved() -> None:
    assert merged(evolved(1, 0, even="E1"), evolved(2, 0, odd="O2")) == {"even": "E1", "odd": "O2"}


@pytest.mark.parametrize(("better", "taken"), [(1, "E1"), (2, "E2")])
def test_a_component_that_both_changed_comes_from_the_better_one(better: int, taken: str) -> None:
    one, other = evolved(1, 0, even="E1"), evolved(2, 0, even="E2", odd="O2")
    if better == 1:
        assert merged(one, other, better=better) == {"even": taken, "odd": "O2"}
    else:
        assert merged(one, other, better=better) is None  # it would be the other one as it stands


def test_only_what_changed_since_the_nearest_ancestor_counts() -> None:
    parent = evolved(1, 0, even="E1")
    one, other = evolved(2, 1, even="E1", odd="O2"), evolved(3, 1, even="E3")
    assert merged(one, other, parent) == {"even": "E3", "odd": "O2"}


def test_a_merge_that_was_tried_is_not_made_again() -> None:
    tried = evolved(1, 0, even="E2", odd="O3")
    assert merged(evolved(2, 0, even="E2"), evolved(3, 0, odd="O3"), tried) is None


def test_a_merge_of_different_components_asks_nobody() -> None:
    one, other = evolved(1, 0, even="E1"), evolved(2, 0, odd="O2")
    state, models = state_with(TASK, SEED, one, other), program_models()
    prompts = merged_by_component(state, one, other)
    assert prompts is not None
    plan = Plan(candidate_id=3, operator="merge", parent=one, minibatch=(), merge=Merge(other, prompts))
    made = draft(run_of(state, models), plan)
    assert (made.prompts, made.text) == ({"even": "E1", "odd": "O2"}, "[even]\nE1\n\n[odd]\nO2")
    assert models.calls == []
