"""What a proposal must satisfy before anything is paid for it."""

from dataclasses import replace
from typing import Any

import pytest

from gepa_next.gepa.deciding import FIRST
from gepa_next.gepa.guards import placeholders, refusal
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.state import ALL_GROWTHS, TELLS_MORE, State, fingerprint
from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Decision, Example, ModelCall
from tests.gepa.stage import SEED_PROMPT, Handler, Models, accepted, ended, requests, state_with, task_of


def state_of(**changes: Any) -> State:
    task = replace(task_of(requests(30)), **changes)
    return state_with(task, accepted(0, task.prompt))


def refused(text: str, **changes: Any) -> str | None:
    return refusal(state_of(**changes), text, siblings=set())


def test_a_new_text_passes() -> None:
    assert refused("Answer with the number of the request's kind.") is None


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_text_is_refused(text: str) -> None:
    assert refused(text) == "empty"


@pytest.mark.parametrize("text", [SEED_PROMPT, SEED_PROMPT.upper(), f" {SEED_PROMPT.replace(' ', '  ')}\n"])
def test_what_was_tried_is_refused_in_whatever_case_and_spacing(text: str) -> None:
    assert refused(text) == "duplicate"


def test_what_a_sibling_says_is_refused() -> None:
    assert refusal(state_of(), "Be brief.", siblings={fingerprint("Be BRIEF.")}) == "duplicate"


def rejected(score: float, parent_score: float) -> State:
    """Return a state in which a text was rejected with these scores on all examples that decide."""
    task = task_of(requests(60))
    tried = accepted(1, "Be brief.", 0)
    tried = replace(tried, decision=Decision.REJECTED, score=score, parent_score=parent_score, compared=FIRST)
    return state_with(
        task, accepted(0, SEED_PROMPT), tried, scores={(1, each.id): 0.5 for each in task.validation[:FIRST]}
    )


def test_what_was_behind_is_a_duplicate_for_good() -> None:
    state = rejected(0.4, 0.5)
    state.growths = ALL_GROWTHS
    assert refusal(state, "Be brief.", siblings=set()) == "duplicate"


def test_what_was_accepted_is_a_duplicate_for_good() -> None:
    state = state_with(task_of(requests(60)), accepted(0, SEED_PROMPT), accepted(1, "Be brief.", 0))
    state.growths = ALL_GROWTHS
    assert refusal(state, "Be brief.", siblings=set()) == "duplicate"


def test_what_was_as_good_as_its_parent_may_come_again_once_more_examples_decide() -> None:
    state = rejected(0.5, 0.5)
    refused = []
    for _ in range(10):
        refused.append((len(state.deciding) < TELLS_MORE * FIRST, refusal(state, "Be brief.", siblings=set())))
        state.growths += 1
    assert set(refused) == {(True, "duplicate"), (False, None)}


@pytest.mark.parametrize("text", ["Answer.", "Answer {request}.", "Answer {input} in {language}."])
def test_a_placeholder_lost_renamed_or_added_is_refused(text: str) -> None:
    assert refused(text, prompt="Answer this: {input}") == "placeholder"


def test_a_placeholder_where_the_seed_prompt_has_none_is_refused() -> None:
    assert refused("Answer {input}.") == "placeholder"


def test_a_placeholder_may_move() -> None:
    assert refused("{input}\n\nAnswer the above.", prompt="Answer this: {input}") is None


@pytest.mark.parametrize("text", ['{"kind": 1}', "{}", "{ kind }", "{1}", "{kind: 1}", "{'kind'}", "a{2,3}"])
def test_braces_of_json_and_the_like_are_no_placeholders(text: str) -> None:
    assert placeholders(text) == set()
    assert refused(f"Answer in this form: {text}") is None


def test_a_text_to_keep_must_survive_word_for_word() -> None:
    assert refused("Never share prices.", keep=("Never share a price.",)) == "keep"
    assert refused("Be brief. Never share a price. Be kind.", keep=("Never share a price.",)) is None


def test_a_prompt_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert refused("x" * 40, max_prompt_tokens=10) is None
    assert refused("x" * 41, max_prompt_tokens=10) == "max_prompt_tokens"


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("fives", 2)])
def test_four_characters_count_as_a_token(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_prompt_that_quotes_a_held_out_input_leaks(split: str) -> None:
    hidden: Example = getattr(task_of(requests(30)), split)[0]
    assert refused(f"For instance:\n{hidden.input}") == "leak"


def test_a_prompt_may_quote_a_train_input() -> None:
    assert refused(f"For instance:\n{task_of(requests(30)).train[0].input}") is None


def test_what_the_seed_prompt_quotes_itself_is_no_leak() -> None:
    hidden = task_of(requests(30)).test[0].input
    assert refused(f"Now: {hidden}", prompt=f"Answer requests such as: {hidden}") is None


LONG = "My order of the third of May has not come, and nobody answers the telephone in your shop on Mondays."
SHARED = "Dear shop, I write to you because of the following matter, which is urgent:"


def with_hidden(split: str, **changes: str) -> dict[str, Any]:
    """Return the change of a task by which one held-out example has another input or ideal."""
    first, *others = getattr(task_of(requests(30)), split)
    return {split: (replace(first, id="hidden", **changes), *others)}


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("part", ["input", "ideal"])
@pytest.mark.parametrize(
    "quoted",
    [LONG, LONG.upper(), LONG.replace(" ", "\n  "), LONG[:50], LONG[-50:], LONG[23:73], f"„{LONG[7:60]}“ and so on"],
)
def test_a_long_part_of_what_is_held_out_leaks_in_whatever_case_and_spacing(split: str, part: str, quoted: str) -> None:
    assert refused(f"For instance: {quoted}", **with_hidden(split, **{part: LONG})) == "leak"


@pytest.mark.parametrize("quoted", [LONG[:49], LONG[-49:], LONG[30:79], "My order has not come, and nobody answers."])
def test_a_short_part_of_a_long_text_is_no_leak(quoted: str) -> None:
    assert refused(f"Tell {{quoted}}: {quoted}".replace("{quoted}", "them"), **with_hidden("test", input=LONG)) is None


@pytest.mark.parametrize("ideal", ["yes", "42", "billing / urgent"])
def test_a_held_out_answer_of_a_word_or_two_is_no_secret(ideal: str) -> None:
    assert refused(f"Answer with {ideal} or say why not.", **with_hidden("test", ideal=ideal)) is None


def test_what_a_train_example_says_too_is_no_leak() -> None:
    train = (replace(task_of(requests(30)).train[0], input=f"{SHARED} a chair is broken"),)
    hidden = with_hidden("test", input=f"{SHARED} my lamp flickers")
    assert refused(f"For instance:\n{SHARED} a chair is broken", train=train, **hidden) is None
    assert refused(f"For instance:\n{SHARED.upper()}", prompt=f"{SHARED}: answer.", **hidden) is None
    assert refused(f"For instance:\n{SHARED} my lamp", **hidden) == "leak"


def test_the_refusal_of_a_leak_names_the_example() -> None:
    task = replace(task_of(requests(30)), **with_hidden("test", ideal=LONG))
    whole = ended(task, Models(reflector=rewrites(f"Say: {LONG}")))
    (told, *_) = [step.data for step in whole.steps if step.stage == "guard" and step.data["reason"] == "leak"]
    assert told["example_id"] == "hidden"
    assert whole.state.candidates[int(str(told["candidate_id"]))].reason == "leak"


def test_a_demonstration_of_a_train_example_that_quotes_what_is_held_out_nowhere_is_refused_for_no_leak() -> None:
    examples = tuple(replace(each, ideal=f"{SHARED} {each.id}") for each in requests(30))
    whole = ended(task_of(examples, iterations=12), Models(reflector=rewrites("Be brief.")))
    shown = [each for each in whole.state.candidates.values() if each.operator == "demonstrate"]
    assert shown
    assert not [each for each in shown if each.reason == "leak"]


def test_a_held_out_input_of_a_word_or_two_is_no_secret() -> None:
    task = task_of(requests(30))
    short = replace(task.test[0], input="Thank you")
    assert refused("Be kind to those who say Thank you.", test=(short, *task.test[1:])) is None


def test_what_train_and_validation_share_is_no_leak() -> None:
    task = task_of(requests(2))
    assert refusal(State(task), f"For instance: {task.validation[0].input}", siblings=set()) is None


def rewrites(text: str) -> Handler:
    """Return a reflector that rewrites every prompt to the same text, and adds nothing to one."""

    def reflector(call: ModelCall) -> object:
        return "" if call.reply_type is AdditionReply else PromptReply(lesson="Nothing.", prompt=text)

    return reflector


@pytest.mark.parametrize(
    ("changes", "proposed", "reason"),
    [
        ({"prompt": "Answer: {input}"}, "Answer the request.", "placeholder"),
        ({"keep": ("customer's",)}, "Answer the request.", "keep"),
        ({"max_prompt_tokens": 10}, "Answer the request. " * 4, "max_prompt_tokens"),
    ],
)
def test_a_refused_proposal_costs_no_rollout_and_teaches_nothing(
    changes: dict[str, Any], proposed: str, reason: str
) -> None:
    whole = ended(replace(task_of(requests(30)), **changes), Models(reflector=rewrites(proposed)))
    assert reason in whole.reasons
    assert {candidate_id for candidate_id, _ in whole.state.rollouts} == {0}
    assert not whole.state.lessons


def test_of_siblings_that_say_the_same_only_the_first_is_compared() -> None:
    task = replace(task_of(requests(30)), iterations=1, population=8)
    whole = ended(task, Models(reflector=rewrites("Answer with the number of its kind.")))
    rewritten = [each for each in whole.state.candidates.values() if each.operator == "reflect"]
    reasons = [each.reason for each in sorted(rewritten, key=lambda each: each.id)]
    assert len(reasons) > 2
    assert reasons == ["not_better", *["duplicate"] * (len(reasons) - 1)]


def test_the_guard_step_says_why() -> None:
    whole = ended(task_of(requests(30)), Models(reflector=rewrites(SEED_PROMPT)))
    guards = [step for step in whole.steps if step.stage == "guard"]
    assert {step.data["reason"] for step in guards} == {"duplicate", "empty"}
    assert {step.delta.candidates[0].decision for step in guards} == {"refused"}
