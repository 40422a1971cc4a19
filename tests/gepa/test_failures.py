"""A failed call is an error with a word for it, never a score."""

from collections import Counter
from dataclasses import replace
from math import inf, nan

import pytest

from gepa_next.errors import Interrupted, ModelError, ProviderError
from gepa_next.gepa.deciding import FIRST
from gepa_next.gepa.racing import FIRST_BLOCK
from gepa_next.gepa.replies import PromptReply
from gepa_next.gepa.spending import cost_usd, sends
from gepa_next.gepa.types import Example, ModelCall, Role, Verdict
from tests.gepa.stage import (
    Models,
    compares,
    down,
    ended,
    flaky,
    follows_rules,
    in_shuffled_order,
    kind_of,
    learns,
    metric_of_kinds,
    requests,
    silent,
    task_of,
)


def test_a_failed_target_call_leaves_a_rollout_without_a_score() -> None:
    whole = ended(task_of(requests(30)), Models(target=flaky(follows_rules, share=0.3)))
    failed = [each for each in whole.state.rollouts.values() if each.error]
    assert {(each.error, each.score, each.output) for each in failed} == {("timeout", None, "")}
    assert all(each.score is not None for each in whole.state.rollouts.values() if not each.error)


def test_a_failed_judge_call_keeps_the_output_without_a_score() -> None:
    whole = ended(task_of(requests(30)), Models(judge=flaky(compares, share=0.3)))
    failed = [each for each in whole.state.rollouts.values() if each.error]
    assert failed
    assert all(each.error == "judge_timeout" and each.score is None and each.output for each in failed)


@pytest.mark.parametrize("bad", [nan, inf, 1.7, -3.0])
@pytest.mark.parametrize("judge_weight", [0.0, 0.5])
def test_a_score_of_a_metric_that_is_none_from_0_to_1_is_a_failed_rollout(bad: float, judge_weight: float) -> None:
    task, models = task_of(requests(30), iterations=3), Models()
    unlucky = {each.id for each in task.validation[:3]}

    def metric(example: Example, output: str) -> Verdict:
        return Verdict(score=bad, feedback="") if example.id in unlucky else metric_of_kinds(example, output)

    whole = ended(task, models, metric=metric, judge_weight=judge_weight)
    failed = [each for each in whole.state.rollouts.values() if each.error]
    assert {(each.error, each.score, bool(each.output)) for each in failed} == {("judge_bad_score", None, True)}
    assert {each.example_id for each in failed} == unlucky
    assert sends(whole.state.spending) == len(models.calls)
    assert whole.result["stop_reason"] == "iterations"


def test_a_metric_without_one_good_score_fails_the_run() -> None:
    with pytest.raises(ModelError, match=r"the metric gives the score 1\.7; it must be a number from 0 to 1"):
        ended(task_of(requests(30)), Models(), metric=lambda *_: Verdict(score=1.7, feedback=""))


def test_the_judge_step_says_how_many_outputs_have_no_score() -> None:
    whole = ended(task_of(requests(30)), Models(judge=flaky(compares, share=0.3)))
    told = [step for step in whole.steps if step.stage == "judge"]
    assert told
    assert all(step.data["unscored"] and step.data["reason"] == "judge_timeout" for step in told)


def test_a_judge_that_answers_in_another_shape_has_not_scored() -> None:
    models = Models(judge=lambda call: "ten out of ten" if call.key.endswith("/r003") else compares(call))
    whole = ended(task_of(requests(30)), models)
    assert {each.error for each in whole.state.rollouts.values()} == {None, "judge_malformed_reply"}
    assert sends(whole.state.spending) == len(models.calls)
    assert cost_usd(whole.state.spending) == pytest.approx(0.001 * len(models.calls))


@pytest.mark.parametrize("seed", range(8))
def test_what_failed_is_not_tried_again_in_its_iteration(seed: int) -> None:
    models = Models(target=flaky(follows_rules, share=0.25))
    whole = ended(replace(task_of(requests(60)), seed=seed), models)
    tried = [(each.data["iteration"], run.candidate_id, run.example_id)
             for each in whole.steps if each.stage == "evaluate" for run in each.delta.rollouts]  # fmt: skip
    assert len(tried) == len(set(tried))
    assert max(Counter(call.key for call in models.calls).values()) == 1


def test_a_failed_rollout_is_left_out_of_the_comparison() -> None:
    whole = ended(task_of(requests(30)), Models(target=flaky(follows_rules, share=0.3)))
    validation = whole.state.task.validation
    compared = [each for each in whole.state.candidates.values() if 0 < each.compared < FIRST_BLOCK]
    assert compared
    for candidate in compared:
        mine, of_parent = (whole.state.scores(each, validation) for each in (candidate.id, candidate.parents[0]))
        assert len(mine.keys() & of_parent.keys()) >= candidate.compared


def test_a_proposal_that_is_scored_on_less_than_half_of_what_its_parent_is_never_becomes_a_parent() -> None:
    def target(call: ModelCall) -> object:
        hushed = "HUSH" in call.messages[0].content and kind_of(call.messages[-1].content) != "0"
        return silent(call) if hushed else follows_rules(call)

    def reflector(call: ModelCall) -> object:
        first = call.key == "1/reflector/1" and call.reply_type is PromptReply
        return PromptReply(lesson="", prompt="HUSH\nkind-0: answer-0") if first else learns(call)

    task = replace(task_of(requests(300), iterations=20, population=4), seed=3)
    whole = ended(task, Models(target=target, reflector=reflector))
    hushing = whole.state.candidates[1]
    assert "HUSH" in hushing.text
    assert (hushing.reason, hushing.compared) == ("not_comparable", 0)
    assert any(whole.state.scores(1, task.validation).values())
    assert whole.result["stop_reason"] == "target_score"


def test_a_proposal_whose_parent_has_no_score_on_the_minibatch_is_not_drafted() -> None:
    task = task_of(requests(30), population=1, iterations=3)
    train = {each.id for each in task.train}
    models = Models(target=lambda call: down(call) if call.key.split("/")[2] in train else follows_rules(call))
    whole = ended(task, models)
    assert whole.reasons == {"", "not_comparable"}
    assert not models.asked(Role.REFLECTOR)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("fan_out", [map, in_shuffled_order(1)], ids=["one by one", "at once"])
def test_a_provider_that_refuses_the_job_ends_the_run(role: Role, fan_out: object) -> None:
    def refuse(call: ModelCall) -> str:
        raise ProviderError("unauthorized", "no such key")

    models = Models()
    setattr(models, str(role), refuse)
    with pytest.raises(ProviderError, match="no such key"):
        ended(task_of(requests(30)), models, fan_out=fan_out)


def test_an_interruption_passes_through() -> None:
    def interrupt(call: ModelCall) -> str:
        raise Interrupted("let_go", "somebody else's job")

    with pytest.raises(Interrupted):
        ended(task_of(requests(30)), Models(judge=interrupt))


def test_a_bug_in_a_model_is_not_taken_for_a_failed_call() -> None:
    with pytest.raises(ZeroDivisionError):
        ended(task_of(requests(30)), Models(target=lambda _: str(1 // 0)))


def test_a_seed_prompt_of_which_nothing_can_be_scored_fails_the_run_in_clear_words() -> None:
    with pytest.raises(ModelError) as caught:
        ended(task_of(requests(30)), Models(target=down))
    assert caught.value.code == "timeout"
    assert caught.value.message == (
        f"none of the first {FIRST} outputs of the seed prompt could be scored: the model is down. "
        "Put that right, then resume the job."
    )


def test_what_most_outputs_of_the_seed_prompt_failed_of_names_the_end_and_not_the_first() -> None:
    codes = iter(["timeout", *["refused"] * 9])

    def fail(_: ModelCall) -> str:
        code = next(codes)
        raise ModelError(code, f"it is {code}.")

    with pytest.raises(ModelError, match=r"could be scored, 9 of them refused: it is refused. Put") as caught:
        ended(task_of(requests(240)), Models(target=fail))
    assert caught.value.code == "refused"


def test_a_run_that_learns_first_what_a_rollout_costs_asks_no_more_of_a_dead_model() -> None:
    models = Models(target=down)
    task = task_of(requests(240))
    with pytest.raises(ModelError, match="none of the first 10 outputs"):
        ended(replace(task, budget=replace(task.budget, max_tokens=10**6)), models)
    assert len(models.calls) == 10


def test_of_a_single_output_that_cannot_be_scored_nothing_is_counted() -> None:
    with pytest.raises(ModelError, match=r"^not one output of the seed prompt could be scored: the model is down. Put"):
        ended(task_of(requests(1)), Models(target=down))


def test_one_scored_example_is_enough_to_go_on() -> None:
    task = task_of(requests(30))
    unlucky = {f"target/0/{each.id}" for each in task.validation[1:FIRST]}
    whole = ended(task, Models(target=lambda call: down(call) if call.key in unlucky else follows_rules(call)))
    assert whole.steps[1].data["errors"] == FIRST - 1
    assert whole.result["stop_reason"] == "iterations"
