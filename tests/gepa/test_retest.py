"""A re-test: a pinned prompt beside the task's own, where each loss is a step and one loss is enough to lose."""

from dataclasses import replace
from typing import Any

import pytest

from gepa_next.errors import ModelError
from gepa_next.gepa.types import Budget, ModelCall, Pinned, Role, Split, Task
from tests.gepa.stage import (
    KINDS,
    Ended,
    Models,
    carried_out,
    down,
    ended,
    flaky,
    folded,
    follows_rules,
    in_shuffled_order,
    kind_of,
    metric_of_kinds,
    requests,
    run_of,
    task_of,
)

COUNT = 20
BY_KIND = COUNT // KINDS


def rules(*kinds: int) -> str:
    return "\n".join(f"kind-{kind}: answer-{kind}" for kind in kinds)


def retest_of(
    pinned: str, *, seed: str = rules(1, 2), count: int = COUNT, tolerance: float = 0.0, **limits: Any
) -> Task:
    examples = requests(count)
    return replace(
        task_of(examples, iterations=1),
        prompt=seed,
        train=examples,
        validation=examples,
        test=(),
        budget=replace(Budget(max_rollouts=2 * count), **limits),
        pinned=Pinned(text=pinned, tolerance=tolerance),
    )


def losses(done: Ended) -> list[str]:
    return [str(step.data["example_id"]) for step in done.steps if step.stage == "loss"]


def of_kind(kind: int) -> set[str]:
    return {each.id for each in requests(COUNT) if kind_of(each.input) == str(kind)}


def test_what_loses_nothing_passes_and_shows_both_sides() -> None:
    done = ended(retest_of(rules(1, 2, 3)), Models())
    assert done.result.items() >= {"verdict": "passes", "stop_reason": "iterations", "candidate_id": 1}.items()
    assert (done.result["seed_score"], done.result["score"]) == (0.4, pytest.approx(0.6))
    assert done.result["prompt"] == rules(1, 2, 3)
    found = done.result["retest"]
    assert (found["n"], found["unscored"], found["wins"], found["losses"]) == (COUNT, 0, BY_KIND, 0)
    assert losses(done) == []


def test_every_lost_example_is_a_step_and_one_loss_outweighs_all_wins() -> None:
    done = ended(retest_of(rules(2, 3, 4, 0)), Models())
    assert set(losses(done)) == of_kind(1)
    assert len(losses(done)) == BY_KIND
    assert done.result["verdict"] == "loses"
    assert done.result["score"] > done.result["seed_score"]
    assert set(done.result["retest"]["lost"]) == of_kind(1)
    first = next(step for step in done.steps if step.stage == "loss")
    assert (first.data["score"], first.data["seed_score"], first.data["difference"]) == (0.0, 1.0, -1.0)


@pytest.mark.parametrize(
    ("pinned", "verdict", "says"),
    [
        (rules(3), "passes", "passes: it scored lower on none of 1 example. Its score is 0.00, as before."),
        (rules(0), "passes", "passes: it scored lower on none of 1 example. Its score is 1.00, before it was 0.00."),
    ],
)
def test_one_example_is_enough_to_pass_and_both_scores_are_said(pinned: str, verdict: str, says: str) -> None:
    done = ended(retest_of(pinned, count=1), Models())
    assert (done.result["verdict"], done.result["retest"]["n"]) == (verdict, 1)
    assert done.result["says"] == f"The pinned prompt {says}"


@pytest.mark.parametrize("pinned", [rules(1), rules(1, 2), rules(1, 2, 3)])
def test_the_pinned_prompt_is_shown_as_the_best_whatever_it_scores(pinned: str) -> None:
    done = ended(retest_of(pinned), Models())
    last = next(step.data for step in reversed(done.steps) if step.stage == "iteration")
    assert (last["best_candidate_id"], last["best_score"]) == (1, done.result["score"])
    assert (done.state.leader.text, done.state.leader_score) == (pinned, done.result["score"])


def test_no_prompt_is_proposed_and_each_side_is_run_once_on_each_example() -> None:
    models = Models()
    done = ended(retest_of(rules(1)), models)
    assert models.asked(Role.REFLECTOR) == []
    assert len(models.asked(Role.TARGET)) == 2 * COUNT == done.state.rollouts_used
    assert {each.split for each in done.state.rollouts.values()} == {Split.VALIDATION}
    assert [step.stage for step in done.steps if step.stage != "loss"] == [
        "examples", "seed", "evaluate", "retest", "iteration", "finished"
    ]  # fmt: skip


def test_a_perfect_seed_prompt_does_not_end_it_before_the_pinned_one_is_run() -> None:
    done = ended(retest_of(rules(1), seed=rules(0, 1, 2, 3, 4)), Models())
    assert done.result["verdict"] == "loses"
    assert done.result["retest"]["losses"] == COUNT - BY_KIND


@pytest.mark.parametrize(("tolerance", "lost"), [(0.0, BY_KIND), (0.99, BY_KIND), (1.0, 0)])
def test_a_score_within_the_tolerance_is_no_loss(tolerance: float, lost: int) -> None:
    done = ended(retest_of(rules(1), tolerance=tolerance), Models())
    assert len(losses(done)) == lost == done.result["retest"]["losses"]
    assert done.result["verdict"] == ("loses" if lost else "passes")


def fails_on(*example_ids: str, role: str) -> Any:
    def target(call: ModelCall) -> object:
        if call.key in {f"target/{role}/{each}" for each in example_ids}:
            raise ModelError("empty", "an answer without text")
        return follows_rules(call)

    return target


@pytest.mark.parametrize("side", ["0", "1"])
def test_an_example_without_a_score_is_no_loss_but_nothing_passes_with_one(side: str) -> None:
    failing = min(of_kind(3))
    done = ended(retest_of(rules(1, 2)), Models(target=fails_on(failing, role=side)))
    assert (losses(done), done.result["verdict"]) == ([], "inconclusive")
    assert (done.result["retest"]["n"], done.result["retest"]["unscored"]) == (COUNT - 1, 1)


def test_a_loss_counts_also_where_another_example_has_no_score() -> None:
    done = ended(retest_of(rules(2)), Models(target=fails_on(min(of_kind(3)), role="1")))
    assert done.result["verdict"] == "loses"


@pytest.mark.parametrize("limits", [{"max_rollouts": COUNT + 5}, {"max_calls": 3 * COUNT}, {"max_tokens": 1500}])
def test_a_limit_too_small_for_the_pinned_side_ends_it_without_a_verdict(limits: dict[str, int]) -> None:
    done = ended(retest_of(rules(1), **limits), Models())
    assert done.result.items() >= {"verdict": "inconclusive", "stop_reason": next(iter(limits))}.items()
    assert (done.result["candidate_id"], done.result["retest"]) == (None, None)
    assert done.result["seed_score"] == 0.4


@pytest.mark.parametrize("limits", [{"max_rollouts": 2 * COUNT}, {"max_calls": 4 * COUNT}])
def test_limits_with_just_room_for_both_sides_are_enough(limits: dict[str, int]) -> None:
    done = ended(retest_of(rules(1, 2, 3), **limits), Models())
    assert done.result.items() >= {"verdict": "passes", "stop_reason": "iterations"}.items()
    assert done.result["retest"]["n"] == COUNT


def test_a_stop_ends_it_before_the_pinned_side_and_it_can_go_on() -> None:
    task = retest_of(rules(1, 2, 3))
    stopped = ended(task, Models(), control=lambda _, reason=None: reason or "stopped")
    assert (stopped.result["verdict"], stopped.result["stop_reason"]) == ("inconclusive", "stopped")
    models = Models()
    gone_on = ended(folded(task, [step.delta for step in stopped.steps]), models)
    assert gone_on.result == ended(task, Models()).result
    assert len(models.asked(Role.TARGET)) == COUNT


def test_it_ends_alike_from_every_checkpoint_and_in_any_order_of_arrival() -> None:
    def unreliable() -> Models:
        return Models(target=flaky(follows_rules, share=0.1))

    task = retest_of(rules(2, 3))
    whole = carried_out(run_of(task, unreliable(), fan_out=in_shuffled_order(3)))
    checkpoints = [place for place, step in enumerate(whole.steps, 1) if step.delta.checkpoint]
    assert len(checkpoints) == 2
    for done in checkpoints:
        again = ended(folded(task, [step.delta for step in whole.steps[:done]]), unreliable())
        assert again.steps == whole.steps[done:]
        assert again.state == whole.state


def test_metrics_score_a_retest_as_they_score_a_job() -> None:
    done = ended(retest_of(rules(2)), Models(judge=down), metric=metric_of_kinds)
    assert (set(losses(done)), done.result["verdict"]) == (of_kind(1), "loses")
