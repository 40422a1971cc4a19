"""A quote bounds what a run takes, and expects about what it takes; a limit that will bind is named."""

import random
from dataclasses import replace
from typing import Any

import pytest

from gepa_next.gepa.deciding import FIRST
from gepa_next.gepa.noise import ANCHORS, REPEATS
from gepa_next.gepa.quote import Amount, Quote, quote
from gepa_next.gepa.racing import FIRST_BLOCK
from gepa_next.gepa.types import Budget, CallUsage, Example, Role, Task
from tests.gepa.stage import Models, ended, metric_of_kinds, requests, task_of

EXAMPLES = requests(30, ideals=True)  # ten each to train, validate and test
START = FIRST + 2 * 10
ALL = 10  # that decide in the end


def free(_: Role, _sent: int, _got: int) -> float:
    return 0.0


def dollar_a_token(_: Role, sent: int, got: int) -> float:
    return float(sent + got)


def only_the_target_has_a_price(role: Role, _sent: int, _got: int) -> float | None:
    return 1.0 if role is Role.TARGET else None


def quoted(task: Task, **changes: Any) -> Quote:
    return quote(task, **{"judged": True, "cost_of": free, **changes})


def limited(**limits: Any) -> Task:
    return replace(task_of(EXAMPLES), budget=replace(Budget(max_rollouts=100_000), **limits))


def tokens(usage: CallUsage) -> int:
    return usage.input_tokens + usage.output_tokens


def calls(amount: Amount) -> dict[Role, int]:
    return {role: usage.sends for role, usage in amount.by_role.items()}


def unlearnable(count: int) -> tuple[Example, ...]:
    """Return requests that no prompt gets all right: every fourth is of a kind with two answers."""
    return tuple(
        replace(each, input=f"{each.input}0{n}") if n % 4 == 0 else each for n, each in enumerate(requests(count))
    )


def test_most_is_a_whole_race_in_each_iteration_with_new_cases_for_each_proposal() -> None:
    task = replace(task_of(EXAMPLES), iterations=8, population=3, minibatch=4)
    rollouts = ALL + 2 * 10 + 8 * (3 * 4 + 2 * FIRST_BLOCK + ALL)
    most = quoted(task, judged=True).most
    assert most.rollouts == rollouts
    judged = rollouts + ANCHORS * REPEATS
    assert calls(most) == {Role.TARGET: rollouts, Role.JUDGE: judged, Role.REFLECTOR: 8 * 3}


def test_a_metric_needs_no_judge() -> None:
    found = quoted(task_of(EXAMPLES), judged=False)
    assert {found.expected.by_role[Role.JUDGE], found.most.by_role[Role.JUDGE]} == {CallUsage(sends=0, cost_usd=0.0)}


def test_a_minibatch_is_no_larger_than_what_there_is_to_train_on() -> None:
    few = quoted(replace(task_of(EXAMPLES[:4]), minibatch=32))
    assert few.most.rollouts == 2 + 8 * (3 * 2 + 2 * 2 + 2)


def test_examples_that_are_to_be_drafted_are_counted_as_drafted() -> None:
    task = replace(task_of(EXAMPLES), train=(), validation=(), test=(), iterations=1, population=1)
    found = quoted(task)
    assert found.most.rollouts == 6 + 2 * 6 + 3 + 6
    assert calls(found.most)[Role.REFLECTOR] == 2


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_expected_beyond_the_most(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - for repetition, not for secrets
    task = replace(
        task_of(requests(rng.choice([1, 3, 5, 12, 40]), ideals=rng.random() < 0.5)),
        prompt="a" * rng.choice([1, 400, 90_000]),
        iterations=rng.randint(1, 100),
        population=rng.randint(1, 32),
        minibatch=rng.randint(1, 32),
        max_tokens=rng.choice([None, 1, 10_000]),
        max_prompt_tokens=rng.choice([None, 1, 500]),
        budget=Budget(
            max_rollouts=rng.choice([200, 10**9]),
            max_calls=rng.choice([None, 400, 10**9]),
            max_tokens=rng.choice([None, 1, 10**6]),
            max_cost_usd=rng.choice([None, 0.5, 10.0**6]),
        ),
    )
    found = quoted(task, judged=rng.random() < 0.5, cost_of=dollar_a_token)
    assert found.expected.rollouts <= found.most.rollouts <= task.budget.max_rollouts
    pairs = [(found.expected.total, found.most.total)]
    pairs += [(found.expected.by_role[role], found.most.by_role[role]) for role in Role]
    for expected, most in pairs:
        assert expected.sends <= most.sends
        assert expected.input_tokens <= most.input_tokens
        assert expected.output_tokens <= most.output_tokens
        assert (expected.cost_usd or 0) <= (most.cost_usd or 0)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"max_rollouts": 100}, "max_rollouts"),
        ({"max_calls": 150}, "max_calls"),
        ({"max_tokens": 60_000}, "max_tokens"),
        ({"max_cost_usd": 60_000.0}, "max_cost_usd"),
        ({"max_rollouts": 200, "max_calls": 150}, "max_calls"),
        ({"max_calls": 10**8, "max_tokens": 10**9, "max_cost_usd": 1e9}, None),
    ],
)
def test_a_limit_that_ends_the_iterations_is_named_and_kept(limits: dict[str, Any], name: str | None) -> None:
    found = quoted(limited(**limits), cost_of=dollar_a_token)
    assert found.limited_by == name
    for amount in (found.expected, found.most):
        assert amount.rollouts <= limits.get("max_rollouts", 10**9)
        assert amount.total.sends <= limits.get("max_calls", 10**9)
    rounding = sum(size.input_tokens + size.output_tokens for size in found.expected_sizes.values())  # a call of each
    assert tokens(found.expected.total) <= limits.get("max_tokens", 10**9) + rounding
    assert (found.expected.total.cost_usd or 0) <= limits.get("max_cost_usd", 1e9)


def test_a_limit_leaves_as_much_to_be_expected_as_it_allows() -> None:
    found = quoted(limited(max_rollouts=100)).expected
    assert found.rollouts == 100
    assert found.total.sends == pytest.approx(210, abs=5)


@pytest.mark.parametrize("limits", [{"max_tokens": 1}, {"max_cost_usd": 1e-6}])
def test_seed_evaluation_and_final_test_are_made_whatever_the_limit(limits: dict[str, Any]) -> None:
    found = quoted(limited(**limits), cost_of=dollar_a_token)
    assert found.expected.rollouts == START
    assert found.limited_by == next(iter(limits))
    assert tokens(found.most.total) > tokens(found.expected.total) > 1


def test_a_cost_that_is_unknown_for_one_role_is_unknown_in_all() -> None:
    found = quoted(task_of(EXAMPLES), cost_of=only_the_target_has_a_price)
    for amount in (found.expected, found.most):
        assert [amount.by_role[role].cost_usd for role in Role] == [1.0, None, None]
        assert amount.total.cost_usd is None


def test_a_limit_in_dollars_says_nothing_while_the_cost_is_unknown() -> None:
    found = quoted(limited(max_cost_usd=1e-6), cost_of=only_the_target_has_a_price)
    assert found.limited_by is None
    assert found.expected.rollouts > START


@pytest.mark.parametrize("judged", [True, False])
@pytest.mark.parametrize(
    "task",
    [
        task_of(unlearnable(60), iterations=3, population=8),
        task_of(unlearnable(30), iterations=12, population=4, minibatch=6),
        task_of(unlearnable(13), iterations=6),
        task_of(unlearnable(6), iterations=6),
        task_of(unlearnable(60), max_rollouts=150),
        task_of(unlearnable(3), iterations=4),
        replace(task_of(EXAMPLES), train=(), validation=(), test=(), iterations=2),
    ],
)
def test_a_run_takes_no_more_than_the_most(task: Task, judged: bool) -> None:  # noqa: FBT001 - a parameter of the test
    models = Models()
    whole = ended(task, models, metric=None if judged else metric_of_kinds)
    most = quoted(task, judged=judged).most
    assert whole.state.rollouts_used <= most.rollouts
    for role in Role:
        assert len(models.asked(role)) <= calls(most)[role]
