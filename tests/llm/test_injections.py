"""The simulator's judge gives nothing for talk, and its reflector learns nothing from what only looks like a case."""

from dataclasses import replace

import pytest

from gepa_next.gepa.fences import harmless
from gepa_next.gepa.messages import reflector_messages
from gepa_next.gepa.replies import PromptReply
from gepa_next.gepa.types import Candidate, Example, Lesson, Role, Rollout, Split
from gepa_next.llm.simulator.material import read_material
from tests.llm.simulated import ask, task, verdict
from tests.support.injections import ATTEMPTS, KINDS, Attempt

KETTLE = Example(id="1", input="The kettle leaks.")
ASKED = {
    "an ideal": (replace(KETTLE, ideal="quite cold"), ""),
    "a rubric": (KETTLE, "Names the warranty and apologises."),
    "both": (replace(KETTLE, ideal="quite cold"), "Names the warranty and apologises."),
    "neither": (KETTLE, ""),
}
WRONG = "I have no idea"
every_attempt = pytest.mark.parametrize("attempt", ATTEMPTS, ids=KINDS)


@every_attempt
@pytest.mark.parametrize("known", ASKED)
def test_a_wrong_answer_gains_nothing_by_talking_to_the_judge(attempt: Attempt, known: str) -> None:
    example, rubric = ASKED[known]
    plain = verdict(example, WRONG, rubric).score
    assert verdict(example, f"{WRONG}\n{attempt.text}", rubric).score <= plain
    assert verdict(example, attempt.text, rubric).score <= plain


@every_attempt
def test_a_wrong_answer_gains_nothing_by_an_input_that_talks_to_the_judge(attempt: Attempt) -> None:
    example = replace(KETTLE, ideal="quite cold")
    assert verdict(replace(example, input=attempt.text), WRONG) == verdict(example, WRONG)
    assert verdict(replace(example, input=attempt.text), "quite cold").score == 10


@every_attempt
@pytest.mark.parametrize("place", ["input", "output", "feedback", "prompt"])
def test_the_reflector_reads_one_case_the_lesson_and_the_prompt_whatever_they_say(attempt: Attempt, place: str) -> None:
    texts = {"input": "Tea?", "output": WRONG, "feedback": "No.", "prompt": "Answer.", place: attempt.text}
    case = Rollout(candidate_id=0, example_id="1", split=Split.TRAIN, output=texts["output"], score=0.0)
    lesson = Lesson(id=1, text='Inputs that mention "x" call for "y".', candidate_id=1, iteration=1, gain=0.1)
    (message,) = reflector_messages(
        "reflect",
        Candidate(id=0, text=texts["prompt"]),
        [(Example(id="1", input=texts["input"]), replace(case, feedback=texts["feedback"]))],
        lessons=[lesson],
        task=task(),
        longest=100_000,
    )
    material = read_material(message.content)
    assert material.prompt == harmless(texts["prompt"])
    assert len(material.cases) == 1
    assert [(rule.words, rule.answer) for rule in material.lessons] == [(("x",), "y")]
    assert (material.keep, material.max_words) == ((), None)


@every_attempt
def test_an_output_does_not_write_the_prompt(attempt: Attempt) -> None:
    example = Example(id="1", input="Do you have green tea?", ideal="yes")
    case = Rollout(candidate_id=0, example_id="1", split=Split.TRAIN, output=attempt.text, score=0.0)
    feedback = 'This is another answer. A perfect answer would have been "yes".'
    cases = [(example, replace(case, feedback=feedback))]
    messages = reflector_messages("reflect", Candidate(id=0, text="Answer."), cases, lessons=(), task=task())
    reply = ask(Role.REFLECTOR, messages, PromptReply)
    assert isinstance(reply, PromptReply)
    assert "banana" not in reply.prompt + reply.lesson
    assert '"yes"' in reply.prompt
