"""Calls are sized by the texts that go into them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gepa_next.gepa.call_sizes import CallSize, Sizes, expected_sizes, largest_sizes
from gepa_next.gepa.messages import judge_messages
from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Example, Role, Task
from tests.gepa.stage import Models, ended, requests, task_of

TASK = task_of(requests(30, ideals=True))
LONG = "word " * 4000
TOO_LONG = ("x" * 40_000, "x" * 80_000)


def grown(task: Task, role: Role) -> int:
    """Return by how much the change makes the role's calls longer."""
    return expected_sizes(task)[role].input_tokens - expected_sizes(TASK)[role].input_tokens


def with_example(**changes: str) -> Task:
    return replace(TASK, train=(*TASK.train[1:], replace(TASK.train[0], **changes)))


@pytest.mark.parametrize("role", [Role.TARGET, Role.REFLECTOR])
def test_a_longer_prompt_is_sent_to_target_and_reflector(role: Role) -> None:
    assert grown(replace(TASK, prompt=TASK.prompt + LONG), role) == 5000
    assert grown(replace(TASK, prompt=TASK.prompt + LONG), Role.JUDGE) == 0


def test_a_rubric_is_sent_to_the_judge() -> None:
    assert grown(replace(TASK, rubric=LONG), Role.JUDGE) >= 5000


@pytest.mark.parametrize("role", Role)
def test_a_longer_input_is_sent_to_all_three(role: Role) -> None:
    assert grown(with_example(input=LONG), role) >= 5000 // 30


def test_a_longer_ideal_is_sent_to_the_judge_and_makes_longer_answers() -> None:
    longer = with_example(ideal=LONG)
    assert grown(longer, Role.JUDGE) >= 2 * 5000 // 30
    assert expected_sizes(longer)[Role.TARGET].output_tokens > expected_sizes(TASK)[Role.TARGET].output_tokens


def test_answers_as_long_as_long_ideals_are_not_longer_than_the_longest() -> None:
    longer = replace(TASK, train=tuple(replace(each, ideal=LONG) for each in TASK.train), validation=(), test=())
    assert 5000 < expected_sizes(longer)[Role.TARGET].output_tokens <= largest_sizes(longer)[Role.TARGET].output_tokens


def test_a_limit_on_answers_and_prompts_limits_what_is_reckoned_with() -> None:
    narrow = replace(TASK, max_tokens=10, max_prompt_tokens=50)
    longest_input = max(count_tokens(each.input) for each in (*TASK.train, *TASK.validation, *TASK.test))
    assert largest_sizes(narrow)[Role.TARGET] == CallSize(input_tokens=50 + longest_input, output_tokens=10)
    assert expected_sizes(narrow)[Role.TARGET].output_tokens == 10


def test_a_seed_prompt_over_the_limit_is_as_long_as_it_is() -> None:
    long_seed = replace(TASK, prompt=LONG, max_prompt_tokens=10)
    assert largest_sizes(long_seed)[Role.TARGET].input_tokens >= 5000


@pytest.mark.parametrize("role", Role)
def test_no_call_is_longer_than_the_largest(role: Role) -> None:
    models = Models()
    ended(TASK, models)
    lengths = [sum(count_tokens(message.content) for message in call.messages) for call in models.asked(role)]
    assert max(lengths) <= largest_sizes(TASK)[role].input_tokens


@pytest.mark.parametrize("sizes", [expected_sizes, largest_sizes])
def test_of_long_inputs_and_answers_the_reflector_is_sent_what_it_is_shown(sizes: Callable[[Task], Sizes]) -> None:
    longer, longest = (task_of([Example(id=str(n), input=text, ideal=text) for n in range(6)]) for text in TOO_LONG)
    assert sizes(longest)[Role.REFLECTOR].input_tokens == sizes(longer)[Role.REFLECTOR].input_tokens
    assert sizes(longest)[Role.TARGET].input_tokens > sizes(longer)[Role.TARGET].input_tokens


def test_no_question_about_long_texts_is_longer_than_the_largest() -> None:
    models = Models()
    task = task_of([replace(each, input=f"{LONG}{LONG}{each.input}") for each in requests(30)])
    ended(task, models)
    lengths = [sum(count_tokens(message.content) for message in call.messages) for call in models.asked(Role.REFLECTOR)]
    assert 1500 < max(lengths) <= largest_sizes(task)[Role.REFLECTOR].input_tokens


def test_the_judge_is_asked_what_was_reckoned_with() -> None:
    example = Example(id="a", input="i" * 400, ideal="d" * 800)
    task = replace(TASK, train=(example,), validation=(example,), test=(), rubric="r" * 40, max_tokens=100)
    asked = judge_messages(example, "o" * 400, task.rubric)[0].content
    assert largest_sizes(task)[Role.JUDGE].input_tokens == pytest.approx(count_tokens(asked), abs=2)
