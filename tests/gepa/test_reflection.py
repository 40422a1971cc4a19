"""What the reflector is sent fits it: long texts lose their middle, and what is still too long is shortened twice."""

import re
from dataclasses import replace

import pytest

from gepa_next.errors import ModelError
from gepa_next.gepa.messages import LONGEST_SHOWN, reflector_messages, without_middle
from gepa_next.gepa.spending import sends
from gepa_next.gepa.types import Candidate, Example, ModelCall, Role, Rollout, Split
from tests.gepa.stage import Ended, Models, ended, learns, requests, task_of, text_of, without_numbers

TASK = task_of(requests(30))
LONG = "".join(f"Line {number} of many.\n" for number in range(5_000))
CASES = re.compile(r"<case-(\w{8})>\n.*?\n</case-\1>", re.DOTALL)


def question_about(example: Example, output: str, feedback: str) -> str:
    rollout = Rollout(
        candidate_id=0, example_id=example.id, split=Split.TRAIN, output=output, score=0.5, feedback=feedback
    )
    prompt = Candidate(id=0, text=TASK.prompt)
    (message,) = reflector_messages("reflect", prompt, [(example, rollout)], lessons=(), task=TASK)
    return message.content


def test_a_long_text_is_shown_by_its_head_and_tail_with_a_mark_between() -> None:
    shown = without_middle(f"BEGIN{LONG}END", 100)
    assert shown.startswith("BEGINLine 0 of many.")
    assert shown.endswith("Line 4999 of many.\nEND")
    assert f"[... {len(LONG) + 8 - 100} characters left out ...]" in shown


@pytest.mark.parametrize("text", ["", "short", "x" * 100])
def test_a_text_that_is_not_too_long_is_shown_as_it_is(text: str) -> None:
    assert without_middle(text, 100) == text


def test_a_long_input_output_or_feedback_reaches_the_reflector_without_its_middle() -> None:
    asked = question_about(Example(id="e", input=f"INPUT {LONG} END"), f"OUTPUT {LONG} END", f"FEEDBACK {LONG} END")
    assert len(asked) < 4 * LONGEST_SHOWN < len(LONG)
    assert all(f"{name} Line 0 of many." in asked for name in ("INPUT", "OUTPUT", "FEEDBACK"))
    assert asked.count("characters left out") == 3


def test_short_texts_reach_the_reflector_whole() -> None:
    output = "a" * LONGEST_SHOWN
    assert output in question_about(Example(id="e", input="b"), output, "c")


def narrow(limit: int) -> Models:
    """Return models of which the reflector reads so many characters."""

    def reflector(call: ModelCall) -> object:
        if len(text_of(call)) > limit:
            raise ModelError("context_length", "too long", sends=1, input_tokens=7, cost_usd=0.0)
        return learns(call)

    return Models(reflector=reflector)


def asked_in_the_first_iteration(models: Models) -> list[tuple[str, int]]:
    return [
        (call.key, len(CASES.findall(text_of(call))))
        for call in models.asked(Role.REFLECTOR)
        if call.key.startswith("1/")
    ]


def reflect_once(models: Models, minibatch: int = 4) -> Ended:
    return ended(replace(TASK, population=1, iterations=1, minibatch=minibatch), models)


def length_of_first_question() -> int:
    models = Models()
    reflect_once(models)
    return len(text_of(models.asked(Role.REFLECTOR)[0]))


def test_a_question_that_is_too_long_for_the_reflector_is_asked_with_half_the_cases() -> None:
    models = narrow(length_of_first_question() - 1)
    whole = reflect_once(models)
    assert asked_in_the_first_iteration(models) == [("1/reflector/1", 4), ("1/reflector/1/shorter-1", 2)]
    assert whole.state.candidates[1].reason == "better"


def test_one_that_is_too_long_three_times_is_dropped() -> None:
    models = narrow(10)
    whole = reflect_once(models)
    assert [cases for _, cases in asked_in_the_first_iteration(models)] == [4, 2, 1]
    assert whole.state.candidates[1].reason == "reflector_context_length"


def test_the_cases_that_went_worst_stay() -> None:
    models = narrow(10)
    reflect_once(models)
    asked = (without_numbers(text_of(call)) for call in models.asked(Role.REFLECTOR))
    first, second, third = (re.findall(r"<case>\n.*?\n</case>", text, re.DOTALL) for text in asked)
    assert (first[:2], second[:1]) == (second, third)


def test_a_single_case_is_asked_about_with_less_of_its_texts() -> None:
    task = task_of([replace(each, input=f"{LONG}{each.input}") for each in requests(30)])
    models = narrow(10)
    ended(replace(task, population=1, iterations=1, minibatch=1), models)
    lengths = [len(text_of(call)) for call in models.asked(Role.REFLECTOR)]
    assert lengths[0] - lengths[1] > LONGEST_SHOWN / 2 - 100
    assert lengths[1] - lengths[2] > LONGEST_SHOWN / 4 - 100


def test_all_the_attempts_are_counted() -> None:
    models = narrow(10)
    whole = reflect_once(models)
    assert sends(whole.state.spending) == len(models.calls)
    generated = next(step for step in whole.steps if step.stage == "generate")
    assert generated.delta.spending[Role.REFLECTOR].input_tokens == 3 * 7


def test_any_other_failure_is_not_asked_about_again() -> None:
    def reflector(_: ModelCall) -> object:
        raise ModelError("truncated", "at 8192 tokens")

    models = Models(reflector=reflector)
    whole = reflect_once(models)
    assert len(models.asked(Role.REFLECTOR)) == 1
    assert whole.state.candidates[1].reason == "reflector_truncated"
