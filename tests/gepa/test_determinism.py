"""A run is a function of task and answers: not of timing, not of interruptions."""

from collections import Counter
from dataclasses import replace

import pytest

from gepa_next.gepa.replies import PromptReply
from gepa_next.gepa.run import DRY_LIMIT
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Task
from tests.gepa.stage import (
    SEED_PROMPT,
    Ended,
    Models,
    compares,
    down,
    ended,
    flaky,
    folded,
    follows_rules,
    in_shuffled_order,
    learns,
    requests,
    task_of,
)


@pytest.fixture(scope="module")
def task() -> Task:
    return task_of(requests(30, ideals=True), iterations=6, max_rollouts=400)


def unreliable() -> Models:
    return Models(
        target=flaky(follows_rules, share=0.1),
        judge=flaky(compares, share=0.05),
        reflector=flaky(learns, share=0.1),
    )


@pytest.fixture(scope="module")
def whole(task: Task) -> Ended:
    return ended(task, unreliable())


def test_the_world_of_these_tests_has_something_of_everything(whole: Ended) -> None:
    assert {each.stage for each in whole.steps} >= {"seed", "generate", "guard", "evaluate", "judge", "select", "test"}
    assert {each.decision for each in whole.state.candidates.values()} == {"seed", "accepted", "rejected", "refused"}
    assert whole.state.lessons
    assert len({each.operator for each in whole.state.candidates.values()}) >= 4


def test_the_same_task_and_answers_make_the_same_steps(task: Task, whole: Ended) -> None:
    assert ended(task, unreliable()).steps == whole.steps


@pytest.mark.parametrize("order", range(5))
def test_the_order_in_which_calls_finish_makes_no_difference(task: Task, whole: Ended, order: int) -> None:
    assert ended(task, unreliable(), fan_out=in_shuffled_order(order)).steps == whole.steps


def test_another_seed_makes_other_steps(task: Task, whole: Ended) -> None:
    assert ended(replace(task, seed=2), unreliable()).state.candidates != whole.state.candidates


def test_the_fold_of_the_deltas_is_the_live_state_at_every_step(task: Task, whole: Ended) -> None:
    live = State(task)
    for count, step in enumerate(whole.steps, 1):
        live.apply(step.delta)
        assert live == folded(task, [each.delta for each in whole.steps[:count]])
    assert live == whole.state


def test_the_folded_frontier_is_the_live_one(task: Task, whole: Ended) -> None:
    again = folded(task, [step.delta for step in whole.steps]).frontier
    live = whole.state.frontier
    assert (again.weights(), again.leader(), again.mean(again.leader())) == (
        live.weights(),
        live.leader(),
        live.mean(live.leader()),
    )


def test_a_run_resumed_from_any_checkpoint_goes_on_as_if_nothing_had_happened(task: Task, whole: Ended) -> None:
    checkpoints = [place for place, step in enumerate(whole.steps, 1) if step.delta.checkpoint]
    assert len(checkpoints) == whole.state.iteration + 3  # beside the iterations: seed, noise, test
    for done in [0, *checkpoints]:
        resumed = ended(folded(task, [step.delta for step in whole.steps[:done]]), unreliable())
        assert [step for step in resumed.steps if step not in whole.steps[:done]] == whole.steps[done:]
        assert resumed.state == whole.state


def test_a_stopped_run_resumed_after_its_test_ends_for_the_same_reason(task: Task) -> None:
    """The budget would have allowed another iteration before the test, and does not after it."""
    free = ended(task, Models(), control=stop_at_the_second)
    before_test = next(step.data["rollouts"] for step in free.steps if step.key == "1/iteration")
    assert isinstance(before_test, int)
    enough = before_test + 2 * len(task.test) + 2 * task.minibatch + len(task.validation)
    task = replace(task, budget=replace(task.budget, max_rollouts=enough))
    whole = ended(task, Models(), control=stop_at_the_second)
    resumed = ended(folded(task, [step.delta for step in whole.steps[:-1]]), Models(), control=stop_at_the_second)
    assert resumed.result == whole.result == free.result
    assert resumed.result["stop_reason"] == "stopped"


def test_a_run_that_a_token_limit_cut_short_resumed_after_its_test_ends_as_it_did() -> None:
    """Before the test so many tokens were held for it that too few proposals fitted; it took less."""
    task = task_of(requests(36), iterations=40, population=8)
    task = replace(task, budget=replace(task.budget, max_tokens=4520))
    decided: dict[str, str | None] = {}
    models = Models(reflector=lambda _: PromptReply(lesson="", prompt=SEED_PROMPT))
    whole = ended(task, models, control=decided.setdefault)
    assert whole.steps[-2].stage == "test"
    assert (whole.state.dry_iterations, whole.result["stop_reason"]) == (DRY_LIMIT, "max_tokens")
    resumed = ended(
        folded(task, [step.delta for step in whole.steps[:-1]]), Models(reflector=down), control=decided.setdefault
    )
    assert resumed.steps == whole.steps[-2:]


def stop_at_the_second(point: str, reason: str | None = None) -> str | None:
    return "stopped" if point == "2/start" else reason


def test_every_step_key_is_unique_in_a_run(whole: Ended) -> None:
    assert max(Counter(step.key for step in whole.steps).values()) == 1


def test_every_call_key_is_unique_in_a_run(task: Task) -> None:
    models = unreliable()
    ended(task, models)
    assert max(Counter(call.key for call in models.calls).values()) == 1


def test_every_candidate_has_one_final_decision_and_the_ids_have_no_gaps(whole: Ended) -> None:
    ids = [each.id for step in whole.steps for each in step.delta.candidates]
    assert sorted(ids) == list(range(len(ids)))
