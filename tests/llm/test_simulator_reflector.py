"""The simulated reflector carries out every template, within the limits its message sets."""

import re
from dataclasses import replace

import pytest
from simulated import EXAMPLES, GOOD_RULES, SEED_PROMPT, answer, ask, cases_of, propose, task, verdict

from gepa_next.gepa.engine import SYNTHETIC_INPUTS
from gepa_next.gepa.messages import inputs_messages, reflector_messages
from gepa_next.gepa.near_duplicates import near_duplicates
from gepa_next.gepa.replies import AdditionReply, InputsReply, PromptReply
from gepa_next.gepa.types import Candidate, Example, Lesson, Role, Rollout, Split


def test_the_reflector_learns_what_the_rubric_wants() -> None:
    example = Example(id="1", input="The kettle leaks.")
    rubric = "Names the warranty and apologises."
    before = answer("Help.", example.input)
    done = Rollout(candidate_id=0, example_id="1", split=Split.TRAIN, output=before, score=0.4)
    done = replace(done, feedback=verdict(example, before, rubric).feedback)
    after = answer(propose("reflect", "Help.", [(example, done)]), example.input)
    assert verdict(example, after, rubric).score > verdict(example, before, rubric).score


def test_a_rule_names_a_word_of_the_input_and_the_answer_of_the_feedback() -> None:
    prompt = propose("reflect", SEED_PROMPT, cases_of(SEED_PROMPT, EXAMPLES[:1]))
    words, expected = re.findall(r"mentions (.*), answer \"(.*)\"", prompt)[0]
    assert expected == EXAMPLES[0].ideal
    assert all(word in EXAMPLES[0].input.lower() for word in re.findall(r'"(\w+)"', words))
    assert prompt.startswith(SEED_PROMPT)


def test_the_reflector_reads_the_feedback_of_an_exact_match_too() -> None:
    example = Example(id="1", input="The kettle leaks.", ideal="kitchen")
    done = Rollout(candidate_id=0, example_id="1", split=Split.TRAIN, output="?", score=0.0)
    done = replace(done, feedback="Wrong: expected exactly 'kitchen', got '?'.")
    assert answer(propose("reflect", "Help.", [(example, done)]), example.input) == "kitchen"


def test_the_reflector_takes_a_misleading_word_out_of_its_rule() -> None:
    example = Example(id="1", input="The kettle leaks.", ideal="kitchen")
    prompt = 'When the input mentions "kettle" or "boat", answer "sea".'
    new = propose("reflect", prompt, cases_of(prompt, [example]))
    assert 'When the input mentions "boat", answer "sea".' in new


def test_the_reflector_takes_up_a_lesson_of_earlier_attempts() -> None:
    lesson = Lesson(id=1, text='Inputs that mention "boat" call for "sea".', candidate_id=1, iteration=1, gain=0.5)
    cases = cases_of(SEED_PROMPT, EXAMPLES[:1])
    parent = Candidate(id=0, text=SEED_PROMPT)
    messages = reflector_messages("reflect", parent, cases, lessons=[lesson], task=task())
    reply = ask(Role.REFLECTOR, messages, PromptReply)
    assert isinstance(reply, PromptReply)
    assert answer(reply.prompt, "A boat!") == "sea"


def test_an_addition_is_one_rule_and_the_answers_seen() -> None:
    messages = reflector_messages(
        "constrain", Candidate(id=0, text=SEED_PROMPT), cases_of(SEED_PROMPT, EXAMPLES[:3]), lessons=(), task=task()
    )
    reply = ask(Role.REFLECTOR, messages, AdditionReply)
    assert isinstance(reply, AdditionReply)
    assert reply.addition.count("When the input mentions") == 1
    assert len(reply.addition.splitlines()) <= 3
    assert SEED_PROMPT not in reply.addition


@pytest.mark.parametrize("template", ["reflect", "compress"])
def test_limits_are_kept(template: str) -> None:
    wanted = task(keep=("Sign as The Desk.", "Never\nguess."), max_prompt_tokens=120)
    prompt = f"{GOOD_RULES}\n\nSign as The Desk."
    new = propose(template, prompt, cases_of(prompt, EXAMPLES[:3]), wanted=wanted)
    assert all(kept in new for kept in wanted.keep)
    assert len(new.split()) <= 90


def test_demonstrations_and_the_place_of_the_input_survive_a_rewrite() -> None:
    prompt = f"{SEED_PROMPT}\n\nInput: A cat\nand a dog\nOutput: animals\n\nThe message: {{input}}"
    new = propose("reflect", prompt, cases_of(prompt, EXAMPLES[:3]))
    assert "Input: A cat\nand a dog\nOutput: animals\n\n" in new
    assert new.endswith("The message: {input}")


@pytest.mark.parametrize(
    "prompt",
    [
        SEED_PROMPT,
        "Answer.",
        "",
        "Which team should handle this message?",
        "Übersetze: {input}",
        "猫",
        "Sum up 2 texts.",
    ],
)
def test_drafted_inputs_are_as_many_as_asked_for_and_not_even_nearly_the_same(prompt: str) -> None:
    reply = ask(Role.REFLECTOR, inputs_messages(prompt, SYNTHETIC_INPUTS), InputsReply)
    assert isinstance(reply, InputsReply)
    drafted = [Example(id=str(number), input=text) for number, text in enumerate(reply.inputs)]
    assert (len(drafted), near_duplicates(drafted)) == (SYNTHETIC_INPUTS, ())


def test_drafted_inputs_are_about_the_prompt() -> None:
    reply = ask(Role.REFLECTOR, inputs_messages(SEED_PROMPT, 12), InputsReply)
    assert isinstance(reply, InputsReply)
    assert len(reply.inputs) == 12
    assert any("customer" in text for text in reply.inputs)


@pytest.mark.parametrize("ideal", ["turn right", "the perfect, the expected", 'say "right"', "c++"])
def test_the_answer_learned_is_the_one_the_judge_names(ideal: str) -> None:
    example = Example(id="1", input="The kettle leaks.", ideal=ideal)
    new = propose("reflect", "Help.", cases_of("Help.", [example]))
    assert answer(new, example.input) == ideal
    assert verdict(example, ideal).score == 10
