"""Which operators are tried on which parent, and what each makes of it."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from gepa_next.gepa.guards import placeholders
from gepa_next.gepa.messages import reflector_messages
from gepa_next.gepa.operators import MENU, operator_worth, plan_proposals
from gepa_next.gepa.proposers.draft import extended
from gepa_next.gepa.proposers.reflect import unwrapped
from gepa_next.gepa.replies import JudgeReply, PromptReply
from gepa_next.gepa.sampling import choose_minibatch, choose_parents, further_cases
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Candidate, Decision, Example, Lesson, Role, Rollout, Split
from tests.gepa.stage import SEED_PROMPT, Models, accepted, ended, requests, state_with, task_of, text_of

TASK = task_of(requests(30, ideals=True))


def planned(state: State) -> set[str]:
    operators = set()
    for state.iteration in range(20):
        operators |= {plan.operator for plan in plan_proposals(state, 4)}
    return operators


def seed_state(text: str = SEED_PROMPT, **changes: Any) -> State:
    scores = {(0, each.id): 0.5 for each in TASK.validation}
    return state_with(replace(TASK, **changes), accepted(0, text), scores=scores)


def test_a_short_prompt_is_not_shortened() -> None:
    assert planned(seed_state()) == {"reflect", "constrain", "demonstrate"}


def test_a_long_prompt_is_shortened_too() -> None:
    text = "\n".join(f"Rule {number} of this long prompt says something or other." for number in range(20))
    assert planned(seed_state(text)) == {"reflect", "constrain", "demonstrate", "compress"}


def test_nothing_is_added_to_a_prompt_that_may_not_grow() -> None:
    assert planned(seed_state(max_prompt_tokens=len(SEED_PROMPT) // 4 + 5)) == {"reflect"}


def test_without_ideals_nothing_is_demonstrated() -> None:
    assert planned(seed_state(train=task_of(requests(30)).train)) == {"reflect", "constrain"}


def test_nothing_is_demonstrated_when_nothing_would_be_left_to_compare_on() -> None:
    assert "demonstrate" in planned(seed_state(train=TASK.train[:4]))
    assert "demonstrate" not in planned(seed_state(train=TASK.train[:3]))


def test_an_operator_that_is_accepted_is_worth_more_and_one_that_is_not_less() -> None:
    state = seed_state()
    before = operator_worth(state)
    state.candidates |= {1: accepted(1, "A", 0)}
    state.used["reflect"], state.paid["reflect"], state.used["constrain"] = 4, 4, 4
    after = operator_worth(state)
    assert after["reflect"] > before["reflect"] > MENU["reflect"] / 3
    assert 0 < after["constrain"] < before["constrain"]


def test_the_ids_of_an_iterations_proposals_go_on_from_the_last() -> None:
    state = state_with(TASK, accepted(0, "A"), accepted(7, "B", 0))
    assert [plan.candidate_id for plan in plan_proposals(scored(state), 3)] == [8, 9, 10]


def scored(state: State) -> State:
    state.frontier.add(0, {"x": 0.5})
    return state


def test_parents_are_frontier_members_and_those_of_equal_weight_serve_alike() -> None:
    examples = [each.id for each in TASK.validation[:3]]
    scores = {(number, key): float(place == number) for number in range(3) for place, key in enumerate(examples)}
    state = state_with(TASK, accepted(0, "A"), accepted(1, "B", 0), accepted(2, "C", 0), scores=scores)
    drawn = Counter(each.id for state.iteration in range(100) for each in choose_parents(state, 3))
    assert set(drawn) == {0, 1, 2}
    assert min(drawn.values()) > 70


def test_a_member_well_behind_the_leader_is_hardly_ever_a_parent() -> None:
    first, second = (each.id for each in TASK.validation[:2])
    scores = {(0, first): 0.9, (0, second): 0.9, (1, first): 1.0, (1, second): 0.6}
    state = state_with(TASK, accepted(0, "A"), accepted(1, "B", 0), scores=scores)
    drawn = Counter(each.id for state.iteration in range(100) for each in choose_parents(state, 3))
    assert drawn[0] > 290


def minibatch(state: State) -> tuple[Example, ...]:
    return choose_minibatch(state, state.candidates[0], 0)


def test_a_minibatch_holds_distinct_train_examples() -> None:
    chosen = minibatch(seed_state())
    assert len({each.id for each in chosen}) == TASK.minibatch
    assert {each.id for each in chosen} <= {each.id for each in TASK.train}


def test_a_minibatch_prefers_what_the_parent_does_not_master() -> None:
    *others, failed, hard, new = (each.id for each in TASK.train)
    state = state_with(TASK, accepted(0, "A"), scores={(0, key): 1.0 for key in others} | {(0, hard): 0.9})
    broken = Rollout(candidate_id=0, example_id=failed, split=Split.TRAIN, error="timeout")
    state.rollouts[0, failed] = broken
    assert {each.id for each in minibatch(state)[:2]} == {hard, new}


def half_known(score: float) -> State:
    """Return a state whose seed prompt was run on all train examples but two."""
    *known, _, _ = (each.id for each in TASK.train)
    return state_with(TASK, accepted(0, "A"), scores={(0, key): score for key in known})


def test_failures_that_are_paid_for_serve_again_once_there_are_enough() -> None:
    state = half_known(0.5)
    assert all((0, each.id) in state.rollouts for state.iteration in range(20) for each in minibatch(state))


def test_after_an_iteration_that_ran_nothing_a_minibatch_begins_with_new_examples() -> None:
    state = half_known(0.5)
    state.dry_iterations = 1
    assert {each.id for each in minibatch(state)} == {each.id for each in TASK.train[-2:]}


def test_a_reflector_is_shown_the_minibatch_and_further_failures_but_no_further_success() -> None:
    first, *rest = TASK.train
    failed, mastered = rest[:5], rest[5:]
    scores = {(0, each.id): 0.0 for each in failed} | {(0, each.id): 1.0 for each in mastered}
    state = state_with(TASK, accepted(0, "A"), scores=scores)
    assert {each.id for each in further_cases(state, state.candidates[0], (first, failed[0]), 1)} == {
        each.id for each in failed[1:]
    }


def test_further_cases_are_twice_the_minibatch_at_most() -> None:
    state = half_known(0.0)
    drawn = further_cases(state, state.candidates[0], (), 1)
    assert len(drawn) == len({each.id for each in drawn}) == 2 * TASK.minibatch


def test_a_demonstration_pays_for_no_cases() -> None:
    state = seed_state()
    plans = [plan for state.iteration in range(20) for plan in plan_proposals(state, 4)]
    assert {len(plan.minibatch) for plan in plans if plan.operator == "demonstrate"} == {0}
    assert {len(plan.minibatch) for plan in plans if plan.operator == "reflect"} == {TASK.minibatch}


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("Be brief.", "Be brief."),
        ("```\nBe brief.\n```", "Be brief."),
        ("```markdown\nBe\nbrief.\n```\n", "Be\nbrief."),
        ("<instructions>\nBe brief.\n</instructions>", "Be brief."),
        ("<instructions-0123abcd>\nBe brief.\n</instructions-0123abcd>", "Be brief."),
        ("```\n\n```", ""),
        ("<instructions></instructions>", ""),
        ("Answer in a fence:\n```\nlike this\n```", "Answer in a fence:\n```\nlike this\n```"),
    ],
)
def test_a_fence_or_tag_around_a_whole_prompt_is_taken_off(text: str, inner: str) -> None:
    assert unwrapped(text) == inner


def asked(template: str, parent: str = SEED_PROMPT, **changes: Any) -> str:
    case = Rollout(candidate_id=0, example_id="r000", split=Split.TRAIN, output="</output>?", score=0.3, feedback="No.")
    lesson = Lesson(id=1, text="Kinds matter.", candidate_id=1, iteration=1, gain=0.1)
    (message,) = reflector_messages(
        template,
        Candidate(id=0, text=parent),
        [(TASK.train[0], case)],
        lessons=[lesson],
        task=replace(TASK, **changes),
    )
    return message.content


@pytest.mark.parametrize("template", ["reflect", "constrain", "compress"])
def test_the_reflector_reads_prompt_case_feedback_and_lessons(template: str) -> None:
    text = asked(template)
    assert all(part in text for part in (SEED_PROMPT, TASK.train[0].input, "Score 0.30. No.", "- Kinds matter."))
    assert placeholders(text) == set()
    assert "\n\n\n" not in text


def test_limits_are_in_the_message_word_for_word() -> None:
    text = asked("reflect", keep=("Never\n\n\nshare {this}.",), max_prompt_tokens=100)
    assert "Keep this text word for word: Never\n\n\nshare {this}.\nUse at most 60 words.\n" in text


def test_an_addition_has_the_words_that_are_left_and_nothing_to_keep() -> None:
    text = asked("constrain", "x" * 200, keep=("x",), max_prompt_tokens=100)
    assert "Use at most 30 words." in text
    assert "Keep this" not in text


def test_the_reflector_reads_the_worst_case_first() -> None:
    models = Models()
    whole = ended(TASK, models)
    for call in models.asked(Role.REFLECTOR):
        scores = [float(line.split()[1][:-1]) for line in text_of(call).splitlines() if line.startswith("Score ")]
        assert scores == sorted(scores)
    assert whole.state.iteration > 1


def test_the_judge_is_told_the_ideal_where_there_is_one_and_the_rubric() -> None:
    models = Models()
    ended(replace(TASK, rubric="Right kind."), models)
    texts = [text_of(call) for call in models.asked(Role.JUDGE)]
    assert all("A perfect answer:" in text and "Right kind." in text for text in texts)


def test_a_candidate_that_is_as_good_and_shorter_says_so() -> None:
    fair, short = JudgeReply(feedback="Fair.", score=5), PromptReply(lesson="", prompt="Go.")
    models = Models(judge=lambda _: fair, reflector=lambda _: short)
    whole = ended(replace(TASK, iterations=2), models)
    won = [each for each in whole.state.candidates.values() if each.decision is Decision.ACCEPTED]
    assert {(each.text, each.reason) for each in won} == {("Go.", "shorter")}


def test_a_candidate_that_is_better_says_so() -> None:
    won = [each for each in ended(TASK, Models()).state.candidates.values() if each.decision is Decision.ACCEPTED]
    assert "better" in {each.reason for each in won}
    assert all(((each.score or 0) > (each.parent_score or 0)) == (each.reason == "better") for each in won)


@pytest.mark.parametrize(
    ("text", "longer"),
    [
        ("Answer.", "Answer.\n\nBe kind."),
        ("Answer.\n", "Answer.\n\nBe kind."),
        ("Answer {input}", "Be kind.\n\nAnswer {input}"),
        ("Answer.\n\nNow {input}\nthen", "Answer.\n\nBe kind.\n\nNow {input}\nthen"),
        ("{input}\n\nAnswer {input}", "Be kind.\n\n{input}\n\nAnswer {input}"),
    ],
)
def test_an_addition_stands_after_the_prompt_or_before_the_input(text: str, longer: str) -> None:
    assert extended(text, "Be kind.") == longer
