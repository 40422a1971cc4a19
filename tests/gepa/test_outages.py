"""A model that is down ends the run after a few calls; single failures, and prompts that provoke them, do not."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.deciding import how_many_decide
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.outages import (
    FEWEST_UNREADABLE,
    IN_A_ROW,
    LATEST,
    NOTHING_TO_ADD,
    REFLECTIONS_IN_VAIN,
    Reflections,
    find_outage,
    reflections_so_far,
)
from gepa_next.gepa.ports import FanOut
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import Completion, Decision, ModelCall, Role, Rollout, Split, Task
from gepa_next.runner.fan_out import PooledFanOut
from tests.gepa.stage import (
    SEED_PROMPT,
    Handler,
    Item,
    Models,
    Result,
    compares,
    down,
    ended,
    flaky,
    folded,
    follows_rules,
    in_shuffled_order,
    learns,
    requests,
    run_of,
    silent,
    task_of,
)

TASK = task_of(requests(60), population=4)
WIDE = replace(TASK, population=8)


def broken_off(run: Run) -> tuple[list[Step], ProviderError]:
    """Return the steps of a run that an outage ends, and the error."""
    steps: list[Step] = []
    with pytest.raises(ProviderError) as caught:
        steps.extend(optimize(run))
    return steps, caught.value


@dataclass
class Mortal:
    """The three models, of which one dies when an iteration begins; `died` counts what it was asked after that."""

    role: Role
    iteration: int
    models: Models = field(default_factory=Models)
    dead: bool = False
    died: int = 0

    def __call__(self, call: ModelCall) -> Completion:
        if self.dead and call.role is self.role:
            self.died += 1
            down(call)
        return self.models(call)

    def carry_out(self, task: Task) -> tuple[list[Step], ProviderError]:
        return broken_off(run_of(task, self, control=self.look_on))

    def look_on(self, point: str, reason: str | None = None) -> str | None:
        self.dead |= point == f"{self.iteration}/start"
        return reason


def beginning_with(candidate_id: int, breaks: Handler, works: Handler) -> Handler:
    """Return a target or judge that breaks with the rollouts of this candidate."""
    return lambda call: (breaks if int(call.key.split("/")[1]) >= candidate_id else works)(call)


def shaped(text: str) -> Handler:
    """Return a reflector that answers each question as if it were for a whole prompt, with this one."""
    return lambda _: PromptReply(lesson="As ever.", prompt=text)


def rollouts(*errors: str | None, candidate_id: int | None = None) -> list[Rollout]:
    """Return a rollout for each error code, of a different candidate each; None is one that went well."""
    return [
        Rollout(
            candidate_id=number if candidate_id is None else candidate_id,
            example_id=str(number),
            split=Split.TRAIN,
            score=None if error else 1.0,
            error=error,
            feedback=f"what {error} means.",
        )
        for number, error in enumerate(errors, 1)
    ]


def code_of(made: list[Rollout]) -> str | None:
    found = find_outage(State(TASK), made)
    return found.code if found else None


def test_so_many_failures_in_a_row_are_an_outage_and_one_fewer_are_none() -> None:
    well = rollouts(*[None] * 40)
    assert code_of(well + rollouts(*["timeout"] * IN_A_ROW)) == "too_many_errors"
    assert code_of(well + rollouts(*["timeout"] * (IN_A_ROW - 1))) is None


def test_more_than_half_of_the_latest_are_an_outage_and_half_are_none() -> None:
    half = ["timeout", None] * (LATEST // 2)
    assert code_of(rollouts(*half)) is None
    assert code_of(rollouts(*half, "timeout", "timeout")) == "too_many_errors"


def test_an_outage_says_how_many_failed_of_what_and_what_to_do() -> None:
    found = find_outage(State(TASK), rollouts(*["server_error", *["timeout"] * 7, *["judge_timeout"] * 2]))
    assert found is not None
    assert found.message == (
        "10 of the last 10 rollouts failed, 7 of them timeout: what timeout means. "
        "Put that right, then resume the job: what it has is kept, and what failed is asked again."
    )


def test_failures_of_earlier_batches_count_but_not_against_a_batch_that_goes_well() -> None:
    state = folded(TASK, [Delta(rollouts=tuple(rollouts(*["timeout"] * IN_A_ROW)))])
    assert find_outage(state, rollouts(None)) is None
    assert find_outage(state, []) is None
    assert find_outage(state, rollouts("timeout")) is not None


@pytest.mark.parametrize(
    "error", ["empty", "refused", "context_length", "judge_refused", "judge_context_length", "judge_too_complex"]
)
def test_what_a_model_answers_to_a_proposal_is_no_outage_but_what_it_answers_to_the_seed_prompt_is(error: str) -> None:
    assert code_of(rollouts(*[error] * 30)) is None
    assert code_of(rollouts(*[error] * IN_A_ROW, candidate_id=0)) == "too_many_errors"


@pytest.mark.parametrize("error", ["judge_malformed_reply", "judge_truncated", "judge_empty"])
def test_more_than_a_tenth_of_unreadable_verdicts_are_an_outage(error: str) -> None:
    unread = rollouts(*[error] * 6)  # of which one may be its candidate's doing
    assert code_of(rollouts(*[None] * 43) + unread) == "judge_unreadable"
    assert code_of(rollouts(*[None] * 44) + unread) is None


def test_fewer_than_five_unreadable_verdicts_are_no_outage_however_few_there_were_in_all() -> None:
    assert code_of(rollouts(*["judge_empty"] * FEWEST_UNREADABLE)) is None
    assert code_of(rollouts(*["judge_empty"] * FEWEST_UNREADABLE, candidate_id=0)) == "judge_unreadable"


def test_outputs_of_one_proposal_that_the_judge_cannot_make_sense_of_are_no_outage() -> None:
    assert code_of(rollouts(*["judge_malformed_reply"] * 20, candidate_id=7)) is None


def test_a_failed_target_is_not_held_against_the_judge() -> None:
    assert code_of(rollouts(*[None] * 10, *["judge_empty"] * 6, *["timeout"] * 9)) == "judge_unreadable"
    assert code_of(rollouts(*[None] * 100, *["judge_empty"] * 6, *["timeout"] * 9)) is None


@pytest.mark.parametrize("role", [Role.TARGET, Role.JUDGE])
def test_a_model_that_dies_in_the_middle_ends_the_run_after_ten_calls(role: Role) -> None:
    models = Mortal(role, iteration=3)
    _, error = models.carry_out(TASK)
    assert (error.code, models.died) == ("too_many_errors", IN_A_ROW)


def test_the_failures_are_told_before_the_run_ends() -> None:
    steps, _ = Mortal(Role.TARGET, iteration=3).carry_out(TASK)
    failed = [each for step in steps for each in step.delta.rollouts if each.error]
    assert len(failed) == IN_A_ROW
    assert sum(step.data["errors"] for step in steps if step.stage == "evaluate") == IN_A_ROW


def test_the_rest_of_a_large_batch_is_not_bought() -> None:
    models = Models(target=beginning_with(1, down, follows_rules))
    task = replace(TASK, population=16, minibatch=10)
    _, error = broken_off(run_of(task, models))
    assert error.code == "too_many_errors"
    assert len([call for call in models.asked(Role.TARGET) if not call.key.startswith("target/0/")]) == IN_A_ROW


def test_a_target_that_dies_before_the_final_test_fails_it() -> None:
    held_out = {each.id for each in TASK.test}
    models = Models(target=lambda call: down(call) if call.key.split("/")[2] in held_out else follows_rules(call))
    steps, error = broken_off(run_of(replace(TASK, iterations=1), models))
    assert (error.code, steps[-1].data["purpose"]) == ("too_many_errors", "test")


@pytest.mark.parametrize("scored", [0, 2], ids=["the first is scored", "two fail before one is scored"])
def test_a_seed_prompt_of_which_most_cannot_be_scored_fails_the_run_before_it_is_recorded(scored: int) -> None:
    task = task_of(requests(200))
    assert how_many_decide(len(task.validation), growths=0) >= IN_A_ROW + 2
    unlucky = {f"target/0/{each.id}" for n, each in enumerate(task.validation[: IN_A_ROW + 2]) if n != scored}
    models = Models(target=lambda call: silent(call) if call.key in unlucky else follows_rules(call))
    steps, error = broken_off(run_of(task, models))
    assert (error.code, [step.stage for step in steps]) == ("too_many_errors", ["examples"])


@pytest.mark.parametrize("order", range(3))
@pytest.mark.parametrize("role", list(Role))
def test_the_order_in_which_calls_finish_does_not_decide_when_a_run_ends(role: Role, order: int) -> None:
    def dying(fan_out: FanOut) -> tuple[list[Step], str]:
        models = Models()
        breaks: dict[Role, Handler] = {
            Role.TARGET: beginning_with(6, down, follows_rules),
            Role.JUDGE: beginning_with(6, down, compares),
            Role.REFLECTOR: lambda call: down(call) if int(call.key.split("/")[2]) >= 6 else learns(call),
        }
        setattr(models, role, breaks[role])
        steps, error = broken_off(run_of(TASK, models, fan_out=fan_out))
        return steps, error.message

    assert dying(in_shuffled_order(order)) == dying(map)


@pytest.mark.parametrize("role", list(Role))
def test_a_run_taken_up_at_its_checkpoint_with_a_mended_model_ends_as_if_nothing_had_happened(role: Role) -> None:
    undisturbed = ended(WIDE, Models())
    steps, _ = Mortal(role, iteration=2).carry_out(WIDE)
    done = max(place for place, step in enumerate(steps, 1) if step.delta.checkpoint)
    assert (steps[done - 1].key, len(steps) > done) == ("1/iteration", True)
    resumed = ended(folded(WIDE, [step.delta for step in steps[:done]]), Models())
    assert resumed.state == undisturbed.state
    assert resumed.result == undisturbed.result


def test_examples_that_a_filter_declines_end_no_run() -> None:
    declined = {each.id for each in requests(60) if each.id.endswith(("3", "7"))}

    def target(call: ModelCall) -> str:
        if call.key.split("/")[2] in declined:
            raise ModelError("refused", "the filter declines this input")
        return follows_rules(call)

    whole = ended(TASK, Models(target=target))
    assert {each.error for each in whole.state.rollouts.values()} == {None, "refused"}
    assert whole.result["score"] > (whole.result["seed_score"] or 0)


def test_a_proposal_that_makes_the_target_say_nothing_is_rejected_and_the_run_goes_on() -> None:
    models = Models(target=lambda call: silent(call) if "HUSH" in call.messages[0].content else follows_rules(call))
    numbers = count()
    models.reflector = lambda call: hushed(call) if next(numbers) % 2 else learns(call)
    whole = ended(TASK, models)
    hushing = [each for each in whole.state.candidates.values() if "HUSH" in each.text]
    assert len(hushing) > IN_A_ROW / TASK.minibatch
    assert {each.reason for each in hushing} == {"not_comparable"}
    assert whole.result["score"] > (whole.result["seed_score"] or 0)


def hushed(call: ModelCall) -> object:
    reply: Any = learns(call)
    return replace(reply, **{reply.__slots__[1]: f"HUSH {call.key}"})


@pytest.mark.parametrize(
    "reflector",
    [down, silent, shaped(""), shaped("```\n\n```"), lambda _: "no JSON"],
    ids=["down", "silent", "an empty reply", "an empty fence", "another shape"],
)
def test_a_dead_reflector_ends_the_run_after_five_calls(reflector: Handler) -> None:
    models = Models(reflector=reflector)
    steps, error = broken_off(run_of(replace(TASK, iterations=50), models))
    assert error.code == "reflector_failed"
    assert "nothing usable 5 times in a row" in error.message
    assert "resume the job" in error.message
    assert len(models.asked(Role.REFLECTOR)) == REFLECTIONS_IN_VAIN
    assert {each.candidate_id for step in steps for each in step.delta.rollouts} == {0}
    assert steps[-1].stage == "guard"


@pytest.mark.parametrize("reflector", [down, silent, shaped("")])
@pytest.mark.parametrize("population", [4, 32])
def test_a_reflector_that_is_dead_from_the_start_is_asked_five_times_however_many_threads_ask(
    reflector: Handler, population: int
) -> None:
    models = Models(reflector=reflector)
    with ThreadPoolExecutor(16) as pool:
        fan_out = PooledFanOut(pool, let_go=threading.Event())
        broken_off(run_of(replace(TASK, population=population), models, fan_out=fan_out))
    assert len(models.asked(Role.REFLECTOR)) == REFLECTIONS_IN_VAIN


def test_as_many_reflections_as_wanted_are_begun_once_one_has_succeeded() -> None:
    batches: list[list[str]] = []

    def fan_out(function: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]:
        before = len(models.asked(Role.REFLECTOR))
        results = [function(item) for item in items]
        batches.append([call.key for call in models.asked(Role.REFLECTOR)[before:]])
        return results

    models = Models(
        reflector=lambda call: down(call) if call.key in {"1/reflector/1", "1/reflector/2"} else learns(call)
    )
    ended(replace(TASK, population=12, iterations=2), models, fan_out=fan_out)
    first, second, third = (len(batch) for batch in batches if batch)
    assert (first, second) == (5, 7)
    assert third > REFLECTIONS_IN_VAIN


def test_no_more_reflections_are_begun_than_may_still_fail() -> None:
    assert [Reflections(in_vain).at_once for in_vain in range(6)] == [5, 4, 3, 2, 1, 1]
    assert Reflections(4).and_then("reflect", None).at_once is None
    assert Reflections(4).and_then("reflect", "too_long").and_then("reflect", "reflector_timeout").at_once == 4
    assert Reflections(4).and_then("constrain", NOTHING_TO_ADD).at_once == 1
    assert Reflections(works=True).and_then("constrain", NOTHING_TO_ADD).at_once is None
    assert Reflections(4).and_then("merge", None).and_then("reflect", "not_comparable").at_once == 1


@pytest.mark.parametrize("addition", ["", "  ", "```\n\n```"])
def test_a_reflector_with_nothing_to_add_to_a_prompt_is_not_dead(addition: str) -> None:
    def reflector(call: ModelCall) -> object:
        if call.reply_type is AdditionReply:
            return AdditionReply(lesson="All is said.", addition=addition)
        return PromptReply(lesson="All is said.", prompt=SEED_PROMPT)

    whole = ended(replace(TASK, iterations=50, population=2, seed=29), Models(reflector=reflector))
    reasons = [each.reason for each in whole.state.candidates.values() if each.operator in {"reflect", "constrain"}]
    assert reasons[4 : 4 + REFLECTIONS_IN_VAIN] == [NOTHING_TO_ADD] * REFLECTIONS_IN_VAIN
    assert whole.result["stop_reason"] == "stalled"


@pytest.mark.parametrize("share", [0.3, 0.7])
@pytest.mark.parametrize("seed", range(6))
def test_what_the_latest_proposals_tell_of_the_reflector_is_what_all_of_them_tell(seed: int, share: float) -> None:
    run = run_of(replace(TASK, seed=seed), Models(reflector=flaky(learns, share=share)))
    with suppress(ProviderError):
        for step in optimize(run):
            if step.delta.iteration:
                assert reflections_so_far(run.state) == told_by_all(run.state)
    assert run.state.last_id == max(run.state.candidates) > 0


def told_by_all(state: State) -> Reflections:
    known = Reflections()
    for _, each in sorted(state.candidates.items()):
        known = known.and_then(each.operator, each.reason if each.decision is Decision.REFUSED else None)
    return known


def test_proposals_made_without_a_reflector_are_no_sign_of_its_life() -> None:
    models = Models(reflector=down)
    steps, error = broken_off(run_of(task_of(requests(30, ideals=True), iterations=50), models))
    assert error.code == "reflector_failed"
    assert {each.operator for step in steps for each in step.delta.candidates} > {"seed", "demonstrate"}
    assert len(models.asked(Role.REFLECTOR)) == REFLECTIONS_IN_VAIN


def test_one_usable_answer_in_five_keeps_the_run_going() -> None:
    numbers = count()
    models = Models(reflector=lambda call: learns(call) if next(numbers) % 5 == 4 else down(call))
    whole = ended(TASK, models)
    reasons = Counter(each.reason for each in whole.state.candidates.values())
    assert reasons["reflector_timeout"] > REFLECTIONS_IN_VAIN
    assert whole.result["prompt"] != SEED_PROMPT
