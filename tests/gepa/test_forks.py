"""A run may begin with what another made: nothing of it is made again, and it uses up no limit."""

from dataclasses import replace

import pytest

from gepa_next.gepa.engine import optimize
from gepa_next.gepa.spending import Spent
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta
from gepa_next.gepa.types import Budget, Candidate, Example, Role, Rollout, Split, Task
from tests.gepa.stage import Ended, Models, accepted, down, ended, folded, requests, run_of, task_of

COUNT = 30
RULES = "kind-1: answer-1\nkind-2: answer-2"


def first_run(**changes: object) -> Ended:
    return ended(task_of(requests(COUNT), iterations=3, **changes), Models())


def without_test(done: Ended) -> tuple[Rollout, ...]:
    return tuple(each for each in done.state.rollouts.values() if each.split is not Split.TEST)


def heir_of(done: Ended) -> Task:
    return replace(done.state.task, heir=done.state.leader.id, test_seen=True)


def going_on(done: Ended, *, scored: bool = True, task: Task | None = None) -> State:
    """Return the state of a run that begins with all that this one knew."""
    state = State(task or heir_of(done))
    candidates = tuple(replace(each, iteration=0) for each in done.state.candidates.values())
    rollouts = without_test(done) if scored else ()
    state.inherit(Delta(candidates=candidates, rollouts=rollouts, lessons=tuple(done.state.lessons)))
    return state


def scored_on(examples: tuple[Example, ...], candidate_id: int, score: float) -> tuple[Rollout, ...]:
    return tuple(
        Rollout(candidate_id=candidate_id, example_id=each.id, split=Split.VALIDATION, score=score) for each in examples
    )


def test_what_was_run_before_is_not_run_again_and_counts_for_nothing() -> None:
    before = first_run()
    models = Models()
    after = ended(going_on(before), models)
    asked = {tuple(call.key.split("/")[1:3]) for call in models.asked(Role.TARGET)}
    assert not asked & {(str(each.candidate_id), each.example_id) for each in without_test(before)}
    assert after.state.rollouts_used == len(models.asked(Role.TARGET))
    assert after.state.leader_score >= before.state.leader_score
    assert after.result["test_seen"]
    assert not before.result["test_seen"]


def test_as_many_examples_decide_as_the_best_was_run_on() -> None:
    task = task_of(requests(3 * COUNT))
    first, last = task.validation[:15], task.validation[15:]
    assert len(State(task).deciding) < len(first)
    scored = scored_on(first, 1, 0.5)
    state = State(replace(task, heir=1))
    state.inherit(Delta(candidates=(accepted(0, "a"), accepted(1, "b", 0)), rollouts=scored))
    assert len(first) <= len(state.deciding) < len(first) + len(last)


def test_who_led_leads_on_though_by_all_scores_at_once_another_would_be_ahead() -> None:
    """The leader was run on further examples when another, better on those alone, had lost to it already."""
    task = task_of(requests(3 * COUNT))
    first, further = task.validation[:12], task.validation[12:15]
    before = folded(
        task,
        [
            Delta(candidates=(accepted(0, "a"),), rollouts=scored_on(first, 0, 0.1)),
            Delta(candidates=(accepted(1, "b", 0),), rollouts=scored_on(first, 1, 0.6)),
            Delta(candidates=(accepted(2, "c", 0),), rollouts=scored_on(task.validation[:18], 2, 0.5)),
            Delta(rollouts=scored_on(further, 1, 0.0)),
        ],
    )
    state = State(replace(task, heir=before.leader.id))
    state.inherit(Delta(candidates=tuple(before.candidates.values()), rollouts=tuple(before.rollouts.values())))
    assert state.leader.id == before.leader.id == 1
    assert len(state.deciding) >= 18


def test_new_candidates_and_lessons_are_numbered_after_those_that_were_there() -> None:
    before = first_run()
    after = ended(going_on(before), Models())
    old = before.state
    assert {each: after.state.candidates[each].text for each in old.candidates} == {
        each.id: each.text for each in old.candidates.values()
    }
    assert [each.id for each in after.state.lessons] == list(range(1, len(after.state.lessons) + 1))


def test_without_scores_of_its_own_the_best_so_far_is_run_beside_the_seed_prompt() -> None:
    before = first_run()
    assert before.state.leader.id
    after = ended(going_on(before, scored=False), Models())
    tried = [step for step in after.steps if step.data.get("purpose") == "heir"]
    assert [step.data["candidate_id"] for step in tried] == [before.state.leader.id]
    assert after.state.leader_score >= before.state.leader_score


def test_one_whose_runs_all_fail_is_tried_once_and_another_may_lead() -> None:
    before = first_run()

    def target(call):
        heir = call.key.startswith(f"target/{before.state.leader.id}/")
        return down(call) if heir and int(call.key[-1]) % 2 else Models().target(call)

    after = ended(going_on(before, scored=False), Models(target=target))
    assert sum(step.data.get("purpose") == "heir" for step in after.steps) == 1
    assert after.result["stop_reason"]


def test_a_seed_prompt_that_has_scores_already_needs_no_call_to_be_seeded() -> None:
    task = task_of(requests(COUNT))
    scored = scored_on(task.validation, 0, 0.5)
    state = State(replace(task, prompt=RULES, iterations=1))
    state.inherit(Delta(rollouts=scored))
    models = Models(target=down)
    seed = next(step for step in optimize(run_of(state, models)) if step.stage == "seed")
    assert (seed.data["score"], seed.data["rollouts"], models.calls) == (0.5, 0, [])


@pytest.mark.parametrize(("most_tokens", "ends"), [(15, "iterations"), (400, "max_tokens")])
def test_what_a_call_took_before_is_what_the_next_may_take(most_tokens: int, ends: str) -> None:
    task = replace(task_of(requests(COUNT)), iterations=1, budget=Budget(max_rollouts=2000, max_tokens=20_000))
    scored = scored_on(task.validation, 0, 0.5)
    state = State(task)
    state.inherit(Delta(rollouts=scored, spending={Role.TARGET: Spent(most_tokens=most_tokens)}))
    assert ended(state, Models()).result["stop_reason"] == ends


def test_rejected_texts_that_have_no_scores_here_may_come_again() -> None:
    task = task_of(requests(COUNT))
    rejected = replace(accepted(1, RULES, 0), decision="rejected", reason="behind")
    state = State(task)
    state.inherit(Delta(candidates=(Candidate(id=0, text=task.prompt), rejected)))
    assert not state.was_tried(RULES)
    assert state.was_tried(task.prompt)
