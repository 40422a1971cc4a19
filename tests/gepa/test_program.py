"""A program is optimised component by component, by the score it states or by any other."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gepa_next.errors import ModelError
from gepa_next.gepa.call_sizes import expected_sizes, largest_sizes
from gepa_next.gepa.components import joined
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.replies import JudgeReply, ProgramReply
from gepa_next.gepa.rollouts import taken_over
from gepa_next.gepa.types import ModelCall, Role
from tests.gepa.programs import SEEDS, evolved, looks_up, program_models, program_run, program_task
from tests.gepa.stage import (
    Ended,
    Models,
    carried_out,
    folded,
    in_shuffled_order,
    metric_of_kinds,
    run_of,
    state_with,
    text_of,
    without_numbers,
)

EXAMPLES = {each.id: each for each in (*program_task().train, *program_task().validation, *program_task().test)}


@pytest.fixture(scope="module")
def models() -> Models:
    return program_models()


@pytest.fixture(scope="module")
def whole(models: Models) -> Ended:
    return program_run(models=models)


def answers_with(**changes: Any) -> Models:
    return program_models(target=lambda call: replace(looks_up(call), **changes))


def test_both_components_evolve_until_all_is_answered(whole: Ended) -> None:
    result = whole.result
    assert (result["score"], result["verdict"], result["stop_reason"]) == (1.0, "improved", "target_score")
    assert {name: SEEDS[name] in result["prompts"][name] for name in SEEDS} == {"even": True, "odd": True}
    assert all("kind-" in text for text in result["prompts"].values())


def test_the_program_is_sent_the_components_the_input_and_the_example_s_id(models: Models, whole: Ended) -> None:
    for call in models.asked(Role.TARGET):
        given = json.loads(call.messages[0].content)
        assert set(given) == {"prompts", "example_id"}
        assert EXAMPLES[given["example_id"]].input == call.messages[1].content
        assert (call.reply_type, call.temperature, call.max_tokens) == (ProgramReply, None, None)
    sent = {text_of(call).partition("\n")[0] for call in models.asked(Role.TARGET)}
    tried = {each.text for each in whole.state.candidates.values() if each.compared or not each.parents}
    assert len({json.dumps(json.loads(each)["prompts"]) for each in sent}) == len(tried)


def test_a_proposal_changes_one_component_of_its_parent(whole: Ended) -> None:
    changed = set()
    for each in whole.state.candidates.values():
        if each.prompts and each.parents and each.operator != "merge":
            parent = whole.state.candidates[each.parents[0]]
            names = [name for name in SEEDS if each.prompts[name] != parent.prompts[name]]
            assert len(names) == 1
            changed.update(names)
    assert changed == set(SEEDS)


def test_the_event_names_the_component(whole: Ended) -> None:
    told = [step.data for step in whole.steps if step.stage == "generate" and step.data["operator"] == "reflect"]
    assert {data["component"] for data in told} == set(SEEDS)


def test_the_reflector_sees_the_component_the_others_and_what_the_program_said(models: Models, whole: Ended) -> None:
    asked = [without_numbers(text_of(call)) for call in models.asked(Role.REFLECTOR)]
    assert any(f"<instructions>\n{SEEDS['odd']}\n" in text and "Part even:\n<part>" in text for text in asked)
    assert all("The program says: Wanted: answer-" in text and "Its trace: looked up" in text for text in asked)


def test_examples_of_the_whole_are_not_shown_to_one_component(whole: Ended) -> None:
    assert "demonstrate" not in {each.operator for each in whole.state.candidates.values()}


def test_the_state_is_the_fold_of_the_deltas(whole: Ended) -> None:
    assert folded(program_task(), [step.delta for step in whole.steps]) == whole.state


def test_the_order_in_which_answers_come_makes_no_difference(whole: Ended) -> None:
    assert program_run(fan_out=in_shuffled_order(3)).steps == whole.steps


@pytest.mark.parametrize("after", [1, 2, 4])
def test_a_run_that_is_taken_up_again_ends_the_same(whole: Ended, after: int) -> None:
    checkpoint = next(
        place for place, step in enumerate(whole.steps, 1) if step.delta.checkpoint and step.data["iteration"] == after
    )
    state = folded(program_task(), [step.delta for step in whole.steps[:checkpoint]])
    again = carried_out(run_of(state, program_models(), program_weight=1.0))
    assert again.steps == whole.steps[checkpoint:]


@pytest.mark.parametrize("score", [None, 1.5, -0.1, 85, True, "0.9", "NaN", float("nan"), float("inf"), [1], 10**400])
def test_a_score_that_is_none_is_a_failed_rollout_and_never_a_score(score: object) -> None:
    with pytest.raises(ModelError) as caught:
        program_run(models=answers_with(score=score))
    assert caught.value.code == "bad_score"
    assert "outputs of the seed prompt could be scored: the program answers with" in caught.value.message


def test_a_program_that_lies_now_and_then_is_compared_on_what_it_does_not_lie_about() -> None:
    def lies(call: ModelCall) -> ProgramReply:
        reply = looks_up(call)
        return replace(reply, score=100) if '"r007"' in call.messages[0].content else reply

    ended = program_run(program_task(iterations=20), models=program_models(target=lies))
    failed = [each for each in ended.state.rollouts.values() if each.error]
    assert {(each.example_id, each.error, each.score) for each in failed} == {("r007", "bad_score", None)}
    assert ended.result["score"] == 1.0


def test_another_metric_does_not_look_at_the_program_s_score() -> None:
    ended = program_run(models=answers_with(score=1.0), metric=metric_of_kinds, program_weight=0.0)
    assert ended.result["seed_score"] == 0.0
    assert ended.result["score"] == 1.0


def test_without_a_metric_the_judge_scores_the_output_of_a_program() -> None:
    models = answers_with(score=1.0)
    ended = program_run(models=models, program_weight=0.0)
    assert ended.result["seed_score"] == 0.0
    assert len([call for call in models.asked(Role.JUDGE) if not call.fresh]) == len(models.asked(Role.TARGET))


def test_a_program_has_its_share_beside_others() -> None:
    models = program_models(
        target=lambda _: ProgramReply(output="?", score=0.5), judge=lambda _: JudgeReply(feedback="Hm.", score=10)
    )
    run = run_of(program_task(), models, metric=metric_of_kinds, judge_weight=0.25, program_weight=0.25)
    seed = next(step for step in optimize(run) if step.stage == "seed")
    assert seed.data["score"] == pytest.approx(0.25 * 0.5 + 0.25 * 1.0)
    feedback = seed.delta.rollouts[0].feedback
    assert "program 0.50 (weight 0.25)." in feedback
    assert "judge 1.00 (weight 0.25). Hm." in feedback


def test_long_remarks_are_cut_for_the_reflector() -> None:
    run = run_of(program_task(), answers_with(trace="x" * 50_000), program_weight=1.0)
    seed = next(step for step in optimize(run) if step.stage == "seed")
    assert len(seed.delta.rollouts[0].feedback) < 3_000


def test_a_program_takes_no_tokens_of_ours() -> None:
    for sizes in (expected_sizes(program_task()), largest_sizes(program_task())):
        assert (sizes[Role.TARGET].input_tokens, sizes[Role.TARGET].output_tokens) == (0, 0)
        assert sizes[Role.REFLECTOR].input_tokens > 0


def test_scores_are_taken_over_from_the_same_components_only_not_from_others_of_the_same_joined_text() -> None:
    """A component may say what looks like the name of the next."""
    cut_early = {"even": "A", "odd": "B\n\n[odd]\nC"}
    cut_late = {"even": "A\n\n[odd]\nB", "odd": "C"}
    assert joined(cut_early) == joined(cut_late)
    task = program_task()
    example = task.validation[0].id
    state = state_with(task, evolved(0), evolved(1, 0, **cut_early), scores={(1, example): 0.5})
    assert [made.example_id for made in taken_over(state, evolved(2, 0, **cut_early))] == [example]
    assert taken_over(state, evolved(2, 0, **cut_late)) == ()
