"""Few examples, none, and prompts with a place for the input."""

from dataclasses import replace

import pytest

from gepa_next.errors import ModelError
from gepa_next.gepa.engine import SYNTHETIC_INPUTS
from gepa_next.gepa.messages import target_messages
from gepa_next.gepa.replies import InputsReply
from gepa_next.gepa.types import ModelCall, Role, Split
from tests.gepa.stage import Handler, Models, down, ended, learns, requests, task_of, text_of


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_handful_of_examples_is_trained_on_and_validated_on(count: int) -> None:
    whole = ended(task_of(requests(count)), Models())
    assert whole.result["score"] == 1.0
    assert (whole.result["scored_on"], whole.result["verdict"], whole.result["test"]) == (
        "validation",
        "inconclusive",
        None,
    )


def test_what_was_compared_on_is_not_paid_again_to_validate() -> None:
    models = Models()
    whole = ended(task_of(requests(3)), models)
    assert len(models.asked(Role.TARGET)) == whole.state.rollouts_used == len(whole.state.rollouts)
    assert {each.split for each in whole.state.rollouts.values()} == {Split.VALIDATION}


@pytest.mark.parametrize("count", [1, 3, 8])
def test_demonstrations_never_show_what_validates(count: int) -> None:
    whole = ended(task_of(requests(count, ideals=True)), Models())
    validation = {each.input for each in whole.state.task.validation}
    assert not any(text in each.text for text in validation for each in whole.state.candidates.values())


def test_train_examples_that_validate_too_are_not_demonstrated() -> None:
    examples = requests(8, ideals=True)
    whole = ended(replace(task_of(examples), train=examples, validation=examples, test=()), Models())
    assert "demonstrate" not in {each.operator for each in whole.state.candidates.values()}


def test_without_examples_the_reflector_drafts_inputs_which_are_marked() -> None:
    whole = ended(task_of(()), Models())
    drafted = whole.steps[0].delta.examples
    assert len(drafted) == SYNTHETIC_INPUTS
    assert all(each.synthetic and each.ideal is None for each in drafted)
    assert whole.steps[0].data["synthetic"] == SYNTHETIC_INPUTS
    assert (whole.state.leader_score or 0) > (whole.state.frontier.mean(0) or 0)


def test_of_drafted_inputs_that_are_nearly_the_same_one_is_kept() -> None:
    inputs = ["Is it of kind-1?", "Add kind-2 to my order.", "Is it, of kind-1", "May kind-3 pay later?"]
    whole = ended(
        task_of(()), Models(reflector=lambda call: InputsReply(inputs=inputs) if is_draft(call) else learns(call))
    )
    assert [each.input for each in whole.steps[0].delta.examples] == [inputs[0], inputs[1], inputs[3]]


def is_draft(call: ModelCall) -> bool:
    return call.reply_type is InputsReply


def test_drafted_inputs_are_divided_like_given_ones() -> None:
    task = ended(task_of(()), Models()).state.task
    assert (len(task.train), len(task.validation), len(task.test)) == (6, 6, 6)


def test_drafted_inputs_are_kept_once_and_no_empty_ones() -> None:
    inputs = [each.input for each in requests(3)]
    models = Models(reflector=lambda call: drafts(call, [*inputs, "", "  ", f" {inputs[0]}\n"]))
    task = ended(task_of(()), models).state.task
    assert sorted(each.input for each in task.train) == inputs


def drafts(call: ModelCall, inputs: list[str]) -> object:
    return InputsReply(inputs=inputs) if call.reply_type is InputsReply else learns(call)


def test_more_drafts_than_asked_for_are_cut() -> None:
    inputs = [each.input for each in requests(40)]
    whole = ended(task_of(()), Models(reflector=lambda call: drafts(call, inputs)))
    assert len(whole.steps[0].delta.examples) == SYNTHETIC_INPUTS


@pytest.mark.parametrize("reflector", [lambda _: InputsReply(inputs=["", " "]), lambda _: "no JSON"])
def test_a_reflector_that_drafts_nothing_fails_the_run_in_clear_words(reflector: Handler) -> None:
    with pytest.raises(ModelError, match="send examples") as caught:
        ended(task_of(()), Models(reflector=reflector))
    assert caught.value.code == "no_examples"


def test_a_reflector_that_is_down_before_there_are_examples_fails_the_run() -> None:
    with pytest.raises(ModelError, match="the model is down"):
        ended(task_of(()), Models(reflector=down))


def test_the_input_is_the_user_message() -> None:
    first, second = target_messages("Be brief.", "Hello {input}")
    assert (first.role, first.content, second.role, second.content) == ("system", "Be brief.", "user", "Hello {input}")


def test_a_prompt_with_a_place_for_the_input_is_one_user_message() -> None:
    (only,) = target_messages("Read {input}. Now answer {input}: {other}", "a {input} b")
    assert (only.role, only.content) == ("user", "Read a {input} b. Now answer a {input} b: {other}")


def test_a_prompt_with_a_place_for_the_input_keeps_it_through_every_operator() -> None:
    task = replace(task_of(requests(30, ideals=True)), prompt="Answer briefly.\n\nThe request: {input}\nThe answer:")
    models = Models()
    whole = ended(task, models)
    grown = [each for each in whole.state.candidates.values() if each.decision in {"accepted", "rejected"}]
    assert {each.operator for each in grown} >= {"constrain", "demonstrate"}
    assert all(each.text.count("{input}") == 1 for each in grown)
    assert all(len(call.messages) == 1 for call in models.asked(Role.TARGET))


def test_the_reflector_is_told_of_the_place_for_the_input() -> None:
    models = Models()
    ended(replace(task_of(requests(30)), prompt="The request: {input}"), models)
    rewriting = [text_of(call) for call in models.asked(Role.REFLECTOR) if '"prompt" is' in text_of(call)]
    assert rewriting
    assert all("Keep this text word for word: {input}\n" in text for text in rewriting)


def test_the_models_settings_reach_the_target_and_nobody_else() -> None:
    models = Models()
    ended(replace(task_of(requests(30)), temperature=0.7, max_tokens=50), models)
    assert {(call.temperature, call.max_tokens) for call in models.asked(Role.TARGET)} == {(0.7, 50)}
    assert {call.temperature for call in models.asked(Role.JUDGE)} == {0.0}
    assert 50 not in {call.max_tokens for call in models.calls if call.role is not Role.TARGET}
