"""No limit is exceeded, and the final test is always paid from the reserve."""

import random
from dataclasses import replace
from typing import Any

import pytest

from gepa_next.errors import InvalidError
from gepa_next.gepa.deciding import FIRST
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.racing import FIRST_BLOCK
from gepa_next.gepa.run import exceeded, how_many_fit
from gepa_next.gepa.spending import add_spending, cost_usd, most_cost_usd, sends, spent_on
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta
from gepa_next.gepa.types import Budget, CallUsage, Candidate, Completion, ModelCall, Role, Task
from tests.gepa.stage import SEED_PROMPT, Ended, Models, accepted, ended, metric_of_kinds, requests, run_of, task_of

EXAMPLES = requests(30, ideals=True)
SPLIT = (10, 10, 10)  # train, validation, test
FIXED = FIRST + 2 * SPLIT[2]


def limited(task: Task | None = None, **limits: Any) -> Task:
    task = task or task_of(EXAMPLES)
    budget = replace(Budget(max_rollouts=2000), **limits)
    return replace(task, budget=budget, iterations=20)


def held_out(whole: Ended) -> int:
    test = whole.result["test"]
    assert isinstance(test, dict)
    return int(test["n"])


def test_the_examples_are_split_as_these_tests_think() -> None:
    task = task_of(EXAMPLES)
    assert (len(task.train), len(task.validation), len(task.test)) == SPLIT


@pytest.mark.parametrize("seed", range(40))
def test_rollouts_never_exceed_their_limit_and_the_final_test_is_made(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - for repetition, not for secrets
    most = rng.randint(FIXED, 400)
    shape = replace(task_of(EXAMPLES), seed=seed, population=rng.randint(1, 8), minibatch=rng.randint(1, 12))
    whole = ended(limited(shape, max_rollouts=most), Models())
    assert whole.state.rollouts_used <= most
    assert held_out(whole) == SPLIT[2]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("judged", [True, False])
def test_calls_never_exceed_their_limit_and_the_final_test_is_made(seed: int, *, judged: bool) -> None:
    most = random.Random(seed).randint(2 * FIXED, 600)  # noqa: S311 - for repetition, not for secrets
    models = Models()
    whole = ended(limited(max_calls=most), models, metric=None if judged else metric_of_kinds)
    assert len(models.calls) <= most
    assert held_out(whole) == SPLIT[2]


def test_calls_of_a_judge_beside_a_metric_count() -> None:
    most = 2 * FIXED + 40
    models = Models()
    whole = ended(limited(max_calls=most), models, metric=metric_of_kinds, judge_weight=0.5)
    assert most - 30 < len(models.calls) <= most
    assert held_out(whole) == SPLIT[2]


@pytest.mark.parametrize("limits", [{"max_tokens": 4000}, {"max_cost_usd": 0.3}])
def test_tokens_and_money_end_a_run_before_their_limit(limits: dict[str, Any]) -> None:
    whole = ended(limited(**limits), Models())
    spending = whole.state.spending
    assert [whole.result["stop_reason"]] == list(limits)
    assert sum(each.tokens for each in spending.values()) <= limits.get("max_tokens", 10_000)
    assert (cost_usd(spending) or 0) <= limits.get("max_cost_usd", 1)
    assert held_out(whole) == SPLIT[2]


def test_the_smallest_budget_scores_the_seed_prompt_and_tests_it() -> None:
    whole = ended(limited(max_rollouts=FIXED), Models())
    assert whole.result["stop_reason"] == "max_rollouts"
    assert whole.state.rollouts_used == FIRST + SPLIT[2]
    assert whole.result["candidate_id"] == 0


@pytest.mark.parametrize("limits", [{"max_rollouts": FIXED - 1}, {"max_calls": 2 * FIXED - 1}])
def test_a_budget_that_breaks_before_the_first_iteration_is_refused_unspent(limits: dict[str, Any]) -> None:
    models = Models()
    with pytest.raises(InvalidError, match=f"budget.{next(iter(limits))}"):
        ended(limited(**limits), models)
    assert not models.calls


def test_a_minibatch_larger_than_the_train_split_does_not_end_a_run_early() -> None:
    shape = replace(task_of(EXAMPLES), minibatch=32, population=1)
    whole = ended(limited(shape, max_rollouts=FIXED + SPLIT[0] + FIRST), Models())
    assert whole.state.iteration == 1


def test_with_little_left_fewer_proposals_are_made_rather_than_none() -> None:
    first, second = 3 + FIRST, 3 + FIRST_BLOCK
    whole = ended(limited(max_rollouts=FIXED + first + second), Models())
    made = [each for each in whole.state.candidates.values() if each.iteration == 1]
    assert len(made) == 2 < task_of(EXAMPLES).population


def retried(call: ModelCall) -> Completion:
    """Answer with the reflector retried so often that the validation does not fit any more."""
    answer = Models()(call)
    return replace(answer, usage=CallUsage(sends=60)) if call.role is Role.REFLECTOR else answer


def test_an_accepted_proposal_that_cannot_be_validated_is_rejected_for_the_budget() -> None:
    whole = ended(limited(max_calls=260), retried)
    assert "budget" in whole.reasons
    assert whole.result["stop_reason"] == "max_calls"


def twice_as_dear_later(call: ModelCall) -> Completion:
    """Answer, and take twice as much for all but the first run of the seed prompt."""
    answer = Models()(call)
    first = not call.fresh and call.key.split("/")[1] == "0"
    return answer if first else replace(answer, usage=CallUsage(input_tokens=20, output_tokens=10, cost_usd=0.002))


@pytest.mark.parametrize(
    "limits", [{"max_calls": 487}, {"max_calls": 491}, {"max_tokens": 11_100}, {"max_cost_usd": 0.743}]
)
def test_an_heir_is_not_run_where_the_measurement_of_the_noise_took_its_room(
    limits: dict[str, Any],
) -> None:
    examples = requests(612)
    task = Task(
        prompt=SEED_PROMPT,
        train=examples[:12],
        validation=examples[12:],
        test=(),
        budget=Budget(max_rollouts=10_000),
        seed=1,
        population=1,
        heir=1,
    )
    state = State(limited(task, **limits))
    state.inherit(Delta(candidates=(Candidate(id=0, text=SEED_PROMPT), accepted(1, "Long.", 0))))
    spending = ended(state, twice_as_dear_later).state.spending
    assert sends(spending) <= limits.get("max_calls", 10_000)
    assert sum(each.tokens for each in spending.values()) <= limits.get("max_tokens", 100_000)
    assert (cost_usd(spending) or 0) <= limits.get("max_cost_usd", 10)


def spent(**usage: Any) -> State:
    state = State(limited(max_calls=200, max_tokens=10_000, max_cost_usd=1.0))
    state.apply(Delta(spending=spent_on(Role.TARGET, CallUsage(**{"cost_usd": 0.0, **usage}))))
    return state


def test_a_call_to_come_is_taken_to_be_twice_as_dear_as_the_dearest_of_its_role() -> None:
    share = 1 / (1 + 2 * 2 * SPLIT[2])  # the final test's target calls, and nobody knows what the judge takes
    assert exceeded(run_of(spent(cost_usd=0.99 * share), Models())) is None
    assert exceeded(run_of(spent(cost_usd=1.01 * share), Models())) == "max_cost_usd"
    assert exceeded(run_of(spent(output_tokens=int(9_900 * share)), Models())) is None
    assert exceeded(run_of(spent(output_tokens=int(10_100 * share)), Models())) == "max_tokens"


@pytest.mark.parametrize("limits", [{"max_tokens": 40_000}, {"max_cost_usd": 4.0}])
@pytest.mark.parametrize("seed", range(10))
def test_a_reflector_much_dearer_than_the_target_breaks_no_limit(limits: dict[str, Any], seed: int) -> None:
    def answered(call: ModelCall) -> Completion:
        answer = Models()(call)
        dear = CallUsage(input_tokens=1500, output_tokens=500, cost_usd=0.2)
        return replace(answer, usage=dear) if call.role is Role.REFLECTOR else answer

    whole = ended(limited(replace(task_of(EXAMPLES), seed=seed), **limits), answered)
    assert sum(each.tokens for each in whole.state.spending.values()) <= limits.get("max_tokens", 1e9)
    assert (cost_usd(whole.state.spending) or 0) <= limits.get("max_cost_usd", 1e9)
    assert held_out(whole) == SPLIT[2]


@pytest.mark.parametrize("limits", [{"max_tokens": 900}, {"max_cost_usd": 0.06}])
def test_a_budget_that_one_rollout_shows_to_be_too_small_ends_the_job_there(limits: dict[str, Any]) -> None:
    models = Models()
    with pytest.raises(InvalidError, match=f"budget.{next(iter(limits))}") as refused:
        ended(limited(**limits), models)
    assert refused.value.code == "budget_too_small"
    assert [call.role for call in models.calls] == [Role.TARGET, Role.JUDGE]


def test_while_the_price_of_a_reflection_is_unknown_there_is_one_at_most() -> None:
    whole = ended(limited(replace(task_of(EXAMPLES), population=4), max_cost_usd=5.0), Models())
    drafted = [each.iteration for each in whole.state.candidates.values()]
    assert drafted.count(1) == 1
    assert max(map(drafted.count, drafted)) == 4


def unpriced(role: Role) -> LanguageModel:
    def answered(call: ModelCall) -> Completion:
        answer = Models()(call)
        return replace(answer, usage=replace(answer.usage, cost_usd=None)) if call.role is role else answer

    return answered


@pytest.mark.parametrize("role", Role)
def test_a_limit_in_usd_that_cannot_be_kept_ends_the_job_as_soon_as_that_shows(role: Role) -> None:
    with pytest.raises(InvalidError, match=r"budget\.max_cost_usd") as refused:
        ended(limited(max_cost_usd=5.0), unpriced(role))
    assert refused.value.code == "unknown_price"


def test_without_a_limit_in_usd_an_unknown_price_is_no_matter() -> None:
    assert cost_usd(ended(limited(), unpriced(Role.TARGET)).state.spending) is None


def test_a_single_call_without_a_price_is_taken_for_the_dearest() -> None:
    state = spent(cost_usd=0.01, output_tokens=1)
    state.apply(Delta(spending=spent_on(Role.TARGET, CallUsage(cost_usd=None))))
    worst = most_cost_usd(state.spending, {Role.TARGET: 1})
    assert worst == pytest.approx(0.01 + 0.01 + 2 * 0.01)


@pytest.mark.parametrize("free", [CallUsage(sends=0, cost_usd=0.0), CallUsage(sends=7, cost_usd=0.0)])
def test_calls_that_cost_nothing_since_nobody_answered_them_are_no_price(free: CallUsage) -> None:
    state = spent()
    state.apply(Delta(spending=add_spending(spent_on(Role.TARGET, free), spent_on(Role.TARGET, CallUsage()))))
    with pytest.raises(InvalidError) as refused:
        exceeded(run_of(state, Models()))
    assert refused.value.code == "unknown_price"


def test_an_answer_that_is_stated_to_be_free_is_a_price() -> None:
    state = spent(output_tokens=1)
    state.apply(Delta(spending=spent_on(Role.TARGET, CallUsage())))
    assert exceeded(run_of(state, Models())) is None


def test_requests_that_may_have_been_paid_wait_for_an_answer_to_be_priced() -> None:
    state = spent(cost_usd=0.0, doubtful=2)
    assert most_cost_usd(state.spending, {Role.TARGET: 1}) == 0
    state.apply(Delta(spending=spent_on(Role.TARGET, CallUsage(output_tokens=1, cost_usd=0.01, doubtful=1))))
    assert most_cost_usd(state.spending, {Role.TARGET: 1}) == pytest.approx(0.01 + 3 * 0.01 + 2 * 0.01)
    assert cost_usd(state.spending) is None


@pytest.mark.parametrize("answered", [False, True])
def test_a_reflection_that_nobody_answered_leaves_its_price_unknown(*, answered: bool) -> None:
    state = spent()
    usage = CallUsage(sends=7, cost_usd=0.0, output_tokens=int(answered))
    state.apply(Delta(spending=spent_on(Role.REFLECTOR, usage)))
    assert how_many_fit(run_of(state, Models()), [1, 1, 1], reflections=1) == (3 if answered else 1)


def test_items_fit_in_their_order_until_the_first_that_does_not() -> None:
    run = run_of(State(limited(max_rollouts=2 * SPLIT[2] + 10)), Models())
    assert how_many_fit(run, [4, 4, 4, 1]) == 2
    assert how_many_fit(run, [11, 1]) == 0
    assert how_many_fit(run, []) == 0


def test_every_item_takes_its_reflection_too() -> None:
    run = run_of(State(limited(max_calls=2 * 2 * SPLIT[2] + 10)), Models())
    assert how_many_fit(run, [2, 2, 2]) == 2
    assert how_many_fit(run, [2, 2, 2], reflections=1) == 2
    assert how_many_fit(run, [2, 2, 2], reflections=2) == 1


def test_an_iteration_says_what_each_role_has_consumed() -> None:
    models = Models()
    told = [
        (step.data["by_role"], {str(role): len(models.asked(role)) for role in Role})
        for step in optimize(run_of(limited(), models))
        if step.stage == "iteration"
    ]
    assert told
    for by_role, asked in told:
        assert isinstance(by_role, dict)
        assert {role: spent["calls"] for role, spent in by_role.items()} == asked


def test_the_control_is_told_the_limit_so_that_it_can_hold_the_reason() -> None:
    told = []

    def control(point: str, reason: str | None = None) -> str | None:
        told.append((point, reason))
        return reason

    whole = ended(limited(max_rollouts=FIXED + 40), Models(), control=control)
    assert told[-1] == (f"{whole.state.iteration + 1}/start", "max_rollouts")
