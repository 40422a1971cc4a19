"""Two versions of one prompt are put together line by line, or not at all."""

import pytest

from gepa_next.gepa.proposers.draft import extended
from gepa_next.gepa.proposers.merge import choose_other, merged_by_lines
from gepa_next.gepa.state import State
from tests.gepa.stage import Models, accepted, ended, requests, state_with, task_of

TASK = task_of(requests(30))
BASE = "Answer the request.\nBe brief.\nBe polite."


def merged(mine: str, theirs: str, base: str = BASE) -> str | None:
    one, other = accepted(1, mine, 0), accepted(2, theirs, 0)
    return merged_by_lines(state_with(TASK, accepted(0, base), one, other), one, other)


def test_additions_of_both_are_united() -> None:
    assert merged(f"{BASE}\n\nKind-1 is urgent.", f"{BASE}\n\nKind-2 can wait.") == (
        f"{BASE}\n\nKind-1 is urgent.\n\nKind-2 can wait."
    )


def test_what_one_took_out_stays_out_and_what_the_other_added_comes_in() -> None:
    assert merged("Answer the request.\nBe brief.", f"{BASE}\nNever guess.") == (
        "Answer the request.\nBe brief.\n\nNever guess."
    )


def test_a_line_that_both_added_stands_once() -> None:
    assert merged(f"{BASE}\nNever guess.\nCount twice.", f"{BASE}\nNever guess.\nAsk back.") == (
        f"{BASE}\nNever guess.\nCount twice.\n\nAsk back."
    )


def test_a_demonstration_keeps_its_answer_though_another_one_has_it_too() -> None:
    mine, theirs = "Input: The first\nOutput: urgent", "Input: The second\nOutput: urgent"
    assert merged(f"{BASE}\n\n{mine}", f"{BASE}\n\n{theirs}") == f"{BASE}\n\n{mine}\n\n{theirs}"


def test_blank_lines_stay_though_the_other_version_has_none() -> None:
    mine = "Answer the request.\n\nBe brief.\n\nBe polite.\n\nInput: x\nOutput: y"
    assert merged(mine, f"{BASE}\nNever guess.", base="Answer the request.\n\nBe brief.\n\nBe polite.") == (
        f"{mine}\n\nNever guess."
    )


def test_additions_go_before_the_place_for_the_input() -> None:
    base = "Answer.\nBe brief.\n\nRequest: {input}"
    assert merged("Answer.\nBe brief.\nBe kind.\n\nRequest: {input}", f"{base}\nNever guess.", base=base) == (
        "Answer.\nBe brief.\nBe kind.\n\nNever guess.\n\nRequest: {input}"
    )


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("Do as you are asked.", f"{BASE}\nNever guess."),
        (f"{BASE}\nNever guess.", "Do as you are asked.\nBe quick."),
    ],
)
def test_a_rewrite_is_not_merged_by_lines(mine: str, theirs: str) -> None:
    assert merged(mine, theirs) is None


def test_two_versions_of_one_line_are_not_both_kept() -> None:
    assert merged(BASE.replace("brief", "very brief"), BASE.replace("brief", "thorough")) is None


def test_a_merge_that_says_what_one_of_them_says_is_none() -> None:
    assert merged(f"{BASE}\nNever guess.", BASE) is None
    assert merged(BASE, f"{BASE}\n\nNever guess.") is None


def test_the_nearest_common_ancestor_is_the_base() -> None:
    old, near = accepted(0, "Something else."), accepted(1, BASE, 0)
    one, other = accepted(2, f"{BASE}\nNever guess.", 1), accepted(3, f"{BASE}\nAsk back.", 1)
    state = state_with(TASK, old, near, one, other)
    assert merged_by_lines(state, one, other) == f"{BASE}\nNever guess.\n\nAsk back."


def rivals(**scores: dict[int, float]) -> State:
    """Return a state with the seed and two children of it; scores by validation example and candidate."""
    examples = dict(zip(scores, TASK.validation, strict=False))
    candidates = accepted(0, BASE), accepted(1, "One.", 0), accepted(2, "Two.", 0), accepted(3, "Of two.", 2)
    given = {(number, examples[name].id): score for name, by in scores.items() for number, score in by.items()}
    return state_with(TASK, *candidates, scores=given)


def test_the_other_parent_is_the_one_that_is_better_on_most_examples() -> None:
    state = rivals(a={1: 1, 2: 0, 3: 0}, b={1: 0, 2: 1, 3: 1}, c={1: 0, 2: 0, 3: 1})
    assert choose_other(state, state.candidates[1]) == state.candidates[3]


def test_nobody_is_merged_with_its_kin() -> None:
    state = rivals(a={0: 1, 2: 0, 3: 0.5}, b={0: 0, 2: 1, 3: 0})
    assert choose_other(state, state.candidates[3]) is None
    assert choose_other(state, state.candidates[0]) is None


def test_a_merge_has_two_parents_and_is_told() -> None:
    a, b = (each.id for each in TASK.validation[:2])
    scores = {(1, a): 1.0, (1, b): 0.0, (2, a): 0.0, (2, b): 1.0}
    state = state_with(TASK, accepted(0, BASE), accepted(1, "One.", 0), accepted(2, "Two.", 0), scores=scores)
    state.used.update({"reflect": 10**6, "constrain": 10**6})
    whole = ended(state, Models())
    merges = [each for each in whole.state.candidates.values() if each.operator == "merge"]
    assert merges
    assert all(len(each.parents) == 2 for each in merges)
    assert {f"{each.iteration}/merge/{each.id}" for each in merges} <= {step.key for step in whole.steps}


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
