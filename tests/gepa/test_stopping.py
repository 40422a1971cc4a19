"""Why a run ends, and that it ends well whatever the reflector does."""

from collections import Counter
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from gepa_next.gepa.replies import AdditionReply, JudgeReply, PromptReply
from gepa_next.gepa.run import DRY_LIMIT, limit_reached, standing_of
from gepa_next.gepa.types import Budget, ModelCall, Task
from tests.gepa.stage import (
    SEED_PROMPT,
    Handler,
    Models,
    compares,
    down,
    ended,
    follows_rules,
    kind_of,
    learns,
    requests,
    silent,
    task_of,
    text_of,
)


def limited(task: Task, **limits: Any) -> Task:
    return replace(task, budget=replace(Budget(max_rollouts=5000), **limits))


def says(text: str) -> Handler:
    """Return a reflector that always says the same."""

    def reflector(call: ModelCall) -> object:
        if call.reply_type is AdditionReply:
            return AdditionReply(lesson="Same as ever.", addition=text)
        return PromptReply(lesson="Same as ever.", prompt=text)

    return reflector


def nonsense() -> Handler:
    """Return a reflector that always says something else, to no purpose."""
    numbers = count()

    def reflector(call: ModelCall) -> object:
        return says(f"Nonsense number {next(numbers)}")(call)

    return reflector


def test_a_run_ends_after_its_iterations() -> None:
    whole = ended(task_of(requests(30), iterations=2), Models())
    assert whole.result["stop_reason"] == "iterations"
    assert whole.state.iteration == 2
    assert whole.result["stalled_by"] is None


def test_a_run_ends_when_the_leader_reaches_the_target_score() -> None:
    whole = ended(limited(task_of(requests(30), iterations=50), target_score=0.6), Models())
    assert whole.result["stop_reason"] == "target_score"
    assert 0.6 <= (whole.state.leader_score or 0) < 1


def perfect_but_for(failing: set[str]) -> Handler:
    """Return a target that answers the seed prompt as it is, any other perfectly or, for some examples, not at all."""

    def target(call: ModelCall) -> object:
        if call.messages[0].content == SEED_PROMPT:
            return follows_rules(call)
        return down(call) if call.messages[-1].content in failing else f"answer-{kind_of(call.messages[-1].content)}"

    return target


def test_a_target_score_is_not_reached_by_examples_that_failed() -> None:
    task = replace(task_of(requests(30), iterations=2, population=1), test=())
    failing = {each.input for each in task.validation[::2]}
    whole = ended(task, Models(target=perfect_but_for(failing)))
    assert (whole.state.leader.id, whole.state.leader_score) == (1, 1.0)
    assert whole.result["stop_reason"] == "iterations"


def test_the_scores_of_a_result_are_over_the_same_examples() -> None:
    task = replace(task_of(requests(30), iterations=1, population=1), test=())
    easy = {each.input for each in task.validation[::2]}
    models = Models(target=perfect_but_for(easy), judge=lambda call: judged(call, easy))
    whole = ended(task, models)
    assert whole.state.leader.id == 1
    assert (whole.result["score"], whole.result["seed_score"]) == (1.0, 0.0)
    assert whole.state.frontier.mean(0) == 0.5


def judged(call: ModelCall, easy: set[str]) -> object:
    return JudgeReply(feedback="Easy.", score=10) if any(each in text_of(call) for each in easy) else compares(call)


def test_a_target_score_is_reached_despite_rounding() -> None:
    models = Models(judge=lambda _: JudgeReply(feedback="Poor.", score=1))
    assert sum([0.1] * 10) / 10 < 0.1
    whole = ended(limited(task_of(requests(30)), target_score=0.1), models)
    assert whole.result["stop_reason"] == "target_score"


def test_a_perfect_seed_prompt_is_left_alone() -> None:
    rules = "\n".join(f"kind-{kind}: answer-{kind}" for kind in range(5))
    whole = ended(replace(task_of(requests(30)), prompt=rules), Models())
    assert (whole.result["stop_reason"], whole.state.iteration, whole.result["prompt"]) == ("target_score", 0, rules)


@pytest.mark.parametrize("patience", [1, 2, 4])
def test_a_run_ends_after_so_many_iterations_without_a_better_leader(patience: int) -> None:
    models = Models(reflector=nonsense())
    whole = ended(limited(task_of(requests(30), iterations=20), patience=patience), models)
    assert whole.result["stop_reason"] == "patience"
    assert whole.state.iteration == patience


def test_a_better_leader_renews_patience() -> None:
    whole = ended(limited(task_of(requests(30), iterations=20), patience=2), Models())
    leaders = [step.data["best_candidate_id"] for step in whole.steps if step.stage == "iteration"]
    assert len(set(leaders)) > 2
    assert all(a != c for a, b, c in zip(leaders[:-2], leaders[1:-1], leaders[2:-1], strict=False) if a == b)


def test_a_run_ends_when_the_control_says_so() -> None:
    points: list[str] = []
    whole = ended(task_of(requests(30)), Models(), control=lambda point, _=None: noted(points, point))
    assert whole.result["stop_reason"] == "stopped"
    assert [point for point in points if point.endswith("start")] == ["1/start", "2/start", "3/start"]
    assert whole.result["test"] is not None


@pytest.mark.parametrize(("place", "paid_for"), [("draft", "parent"), ("race/1", "parent"), ("race/2", "validation")])
def test_a_run_told_to_end_buys_no_further_batch_but_the_final_test(place: str, paid_for: str) -> None:
    whole = ended(
        task_of(requests(30)),
        Models(),
        control=lambda point, _=None: "stopped" if point in {f"2/{place}", "3/start"} else None,
    )
    purposes = [step.data["purpose"] for step in whole.steps if step.key.startswith("2/evaluate")]
    assert set(purposes) <= {"parent", paid_for}
    assert whole.result["stop_reason"] == "stopped"
    assert whole.result["test"] is not None


def test_what_was_dropped_for_want_of_time_may_be_proposed_again() -> None:
    whole = ended(
        task_of(requests(30)),
        Models(),
        control=lambda point, _=None: "stopped" if point in {"2/race/1", "3/start"} else None,
    )
    dropped = [each for each in whole.state.candidates.values() if each.reason == "stopped"]
    assert dropped
    assert not any(whole.state.was_tried(each.text) for each in dropped)


def noted(points: list[str], point: str) -> str | None:
    points.append(point)
    return "stopped" if point == "3/start" else None


@pytest.mark.parametrize(
    ("text", "reason"),
    [(SEED_PROMPT, "duplicate"), (SEED_PROMPT.upper(), "duplicate"), ("Ask {name}.", "placeholder")],
)
def test_a_reflector_that_proposes_nothing_worth_running_stalls_the_run(text: str, reason: str) -> None:
    numbers = count()
    models = Models(reflector=lambda _: PromptReply(lesson="", prompt=text.replace("name", f"name_{next(numbers)}")))
    whole = ended(task_of(requests(30), iterations=50), models)
    assert (whole.result["stop_reason"], whole.result["stalled_by"]) == ("stalled", reason)
    assert (whole.result["prompt"], whole.state.iteration) == (SEED_PROMPT, DRY_LIMIT)
    assert {candidate_id for candidate_id, _ in whole.state.rollouts} == {0}


def test_a_reflector_that_always_says_the_same_stalls_the_run_with_the_seed_prompt() -> None:
    whole = ended(task_of(requests(30), iterations=50), Models(reflector=says("Be as kind as you can.")))
    assert (whole.result["stop_reason"], whole.result["prompt"]) == ("stalled", SEED_PROMPT)
    assert Counter(each.reason for each in whole.state.candidates.values())["duplicate"] > 5


def test_a_reflector_of_nonsense_ends_the_run_with_the_seed_prompt() -> None:
    models = Models(reflector=nonsense())
    whole = ended(task_of(requests(30)), models)
    assert (whole.result["stop_reason"], whole.result["prompt"]) == ("iterations", SEED_PROMPT)
    assert whole.reasons <= {"", "not_better", "behind", "outrun"}
    assert whole.result["verdict"] == "not_shown"


def test_a_reflector_that_comes_back_in_time_is_made_use_of() -> None:
    asked = count()
    models = Models(reflector=lambda call: down(call) if next(asked) < 4 else learns(call))
    whole = ended(task_of(requests(30)), models)
    assert (whole.state.leader_score or 0) > 0


def test_proposals_that_all_make_the_target_say_nothing_stall_the_run() -> None:
    models = Models(target=lambda call: follows_rules(call) if call.key.startswith("target/0/") else silent(call))
    whole = ended(task_of(requests(30), iterations=50), models)
    assert (whole.result["stop_reason"], whole.result["stalled_by"]) == ("stalled", "not_comparable")
    assert (whole.result["prompt"], whole.state.iteration) == (SEED_PROMPT, DRY_LIMIT)


def test_a_limit_that_lets_through_fewer_proposals_than_wanted_is_why_a_run_ends_when_they_do_not_help() -> None:
    task = task_of(requests(30), iterations=40, population=4)
    models = Models(reflector=lambda _: PromptReply(lesson="", prompt=SEED_PROMPT))
    few, enough = (ended(limited(task, max_calls=most), models) for most in (126, 200))
    assert few.state.iteration == enough.state.iteration == DRY_LIMIT
    assert (few.result["stop_reason"], enough.result["stop_reason"]) == ("max_calls", "stalled")
    raised = limited(task, max_calls=200)
    assert limit_reached(standing_of(few.state), raised, asks_judge=True) is None  # something is left to do
