"""Which examples decide: few at first, more when no new leader is found, all before a target counts as reached."""

from dataclasses import replace

from gepa_next.gepa.deciding import FIRST, how_many_decide
from gepa_next.gepa.steps import Delta
from gepa_next.gepa.types import Budget, Candidate, Decision, ModelCall, Split, Task
from tests.gepa.stage import Models, accepted, ended, folded, follows_rules, learns, requests, task_of


def large() -> Task:
    return task_of(requests(120))


def test_a_part_of_the_validation_examples_decides_at_first() -> None:
    task = large()
    whole = ended(replace(task, iterations=1), Models())
    run_on = {key for candidate_id, key in whole.state.rollouts if candidate_id == 0}
    assert len(task.validation) > 2 * FIRST
    assert run_on & {each.id for each in task.validation} == {each.id for each in task.validation[:FIRST]}


def test_more_decide_after_an_iteration_without_a_new_leader() -> None:
    sizes = [how_many_decide(40, growths=growths) for growths in range(30)]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (FIRST, 40)


def test_twice_as_many_decide_after_an_iteration_in_which_nothing_was_worth_running() -> None:
    task = large()
    begun = Delta(candidates=(Candidate(id=0, text=task.prompt),), iteration=0)
    behind = replace(accepted(1, "A", 0), decision=Decision.REJECTED, compared=4)
    dry, fruitless = (
        folded(task, [begun, Delta(iteration=1)]),
        folded(task, [begun, Delta(candidates=(behind,), iteration=1), Delta(candidates=(behind,), iteration=2)]),
    )
    assert len(dry.deciding) == 17 > 2 * FIRST
    assert len(fruitless.deciding) == 9 == FIRST + 1


def test_the_leader_is_run_on_what_decides_from_now_on() -> None:
    whole = ended(replace(large(), iterations=12), Models(reflector=of_one_kind))
    deciding = whole.state.deciding
    assert len(deciding) > FIRST
    before = deciding[:-1]
    assert len(whole.state.scores(whole.state.leader.id, before)) == len(before)


def of_one_kind(call: ModelCall) -> object:
    """Learn nothing of one kind, so that there is no new leader for long."""
    return learns(
        replace(call, messages=tuple(replace(m, content=m.content.replace("kind-1", "kind-0")) for m in call.messages))
    )


def test_a_target_counts_as_reached_on_all_examples_only() -> None:
    task = replace(large(), iterations=60, budget=Budget(max_rollouts=9000, target_score=1.0))
    easy = {each.id for each in task.validation[:FIRST]}
    models = Models(target=lambda call: right(call) if call.key.split("/")[2] in easy else follows_rules(call))
    whole = ended(task, models)
    assert whole.result["stop_reason"] == "target_score"
    assert len(whole.state.scores(whole.state.leader.id, task.validation)) == len(task.validation)


def right(call: ModelCall) -> str:
    return f"answer-{call.messages[-1].content[-1]}"


def test_rollouts_say_which_split_they_are_of() -> None:
    task = task_of(requests(10))
    whole = ended(replace(task, iterations=8), Models())
    train = {each.id for each in task.train}
    assert {rollout.split for (_, key), rollout in whole.state.rollouts.items() if key in train} == {Split.TRAIN}
