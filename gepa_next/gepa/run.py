"""One run as its parts see it: the state, the ports, and the two things they do together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from gepa_next.errors import InvalidError
from gepa_next.gepa.ports import Control, FanOut, LanguageModel, Metric
from gepa_next.gepa.spending import (
    NEVER_ASKED,
    NOTHING_SPENT,
    Spending,
    Spent,
    add_spending,
    most_cost_usd,
    most_tokens,
    sends,
)
from gepa_next.gepa.state import State, reaches_target
from gepa_next.gepa.types import Example, Role, Task

DRY_LIMIT = 5  # iterations in a row in which no proposal was worth evaluating


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A state with the ports it is run through; without a metric the judge alone scores.

    `judge_weight` is its share of a score beside others, `program_weight` that of the score which a program states; a
    metric has the rest.
    """

    state: State
    model: LanguageModel
    fan_out: FanOut
    control: Control
    metric: Metric | None = None
    judge_weight: float = 0.0
    program_weight: float = 0.0

    @property
    def asks_judge(self) -> bool:
        """Whether a rollout takes a call of the judge."""
        return self.judge_weight > 0 or (self.metric is None and not self.program_weight)

    @property
    def counts_tokens_or_money(self) -> bool:
        """Whether there is a limit that only what calls turn out to cost can tell."""
        return self.state.task.budget.max_tokens is not None or self.state.task.budget.max_cost_usd is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a run has come: all of its state that limits are held against. `train` is a size.

    `leader_score` is None as long as the leader lacks a score for a validation example. `validating` counts the
    rollouts that the next decision takes: those that the leader lacks, and one proposal's.
    """

    iteration: int
    leader_score: float | None
    since_improvement: int
    dry_iterations: int
    cut_iterations: int
    rollouts_used: int
    tests_to_come: int
    spending: dict[Role, Spent]
    train: int
    validating: int


def standing_of(state: State, *, unrecorded: Spending = NOTHING_SPENT) -> Standing:
    """Return how far the state has come; what is `unrecorded` is spent but not in the state yet."""
    return Standing(
        iteration=state.iteration,
        leader_score=state.leader_score if state.leader_is_whole else None,
        since_improvement=state.since_improvement,
        dry_iterations=state.dry_iterations,
        cut_iterations=state.cut_iterations,
        rollouts_used=state.rollouts_used,
        tests_to_come=_tests_to_come(state),
        spending=dict(add_spending(state.spending, unrecorded)),
        train=len(state.task.train),
        validating=len(state.deciding) + len(not_run_by_leader(state)),
    )


def exceeded(run: Run, *, rollouts: int = 0, reflections: int = 0, unrecorded: Spending = NOTHING_SPENT) -> str | None:
    """Return the first limit that a batch of this size could break, the final test held in reserve.

    A call to come is taken to cost twice the dearest of its role so far. What is `unrecorded` is spent but not
    in the state yet. InvalidError if there is a limit in USD and the answers to a role's calls have no price.
    """
    standing = standing_of(run.state, unrecorded=unrecorded)
    calls = calls_of(rollouts + standing.tests_to_come, reflections, asks_judge=run.asks_judge)
    return _over_budget(standing, run.state.task, calls, rollouts=rollouts)


def calls_of(rollouts: int, reflections: int, *, asks_judge: bool) -> Mapping[Role, int]:
    """Return how many calls of each role a batch takes."""
    return {Role.TARGET: rollouts, Role.JUDGE: rollouts if asks_judge else 0, Role.REFLECTOR: reflections}


def _over_budget(standing: Standing, task: Task, calls: Mapping[Role, int], *, rollouts: int) -> str | None:
    budget, spending = task.budget, standing.spending
    if standing.rollouts_used + rollouts + standing.tests_to_come > budget.max_rollouts:
        return "max_rollouts"
    if budget.max_calls is not None and sends(spending) + sum(calls.values()) > budget.max_calls:
        return "max_calls"
    if budget.max_tokens is not None and most_tokens(spending, calls) > budget.max_tokens:
        return "max_tokens"
    if budget.max_cost_usd is not None and _worst_cost_usd(spending, calls) > budget.max_cost_usd:
        return "max_cost_usd"
    return None


def _worst_cost_usd(spending: Spending, calls: Mapping[Role, int]) -> float:
    cost_usd = most_cost_usd(spending, calls)
    if cost_usd is None:
        raise InvalidError(
            "budget.max_cost_usd cannot be kept: neither the provider nor MODEL_PRICES says what the model costs;"
            " send the job again when one does",
            [("budget.max_cost_usd", "cannot be kept, for the cost is unknown")],
            code="unknown_price",
        )
    return cost_usd


def _tests_to_come(state: State) -> int:
    """Return how many rollouts the final test may still take, for the seed prompt and one champion."""
    made = sum(state.tested[each] for each in {0, state.frontier.leader()})
    return 2 * len(state.task.test) - made


def how_many_fit(run: Run, rollouts: Sequence[int], *, reflections: int = 0) -> int:
    """Return how many items of a batch fit the budget in their order, each of so many rollouts.

    While nobody knows what a reflection costs, one at most where that counts.
    """
    fitting = 0
    known = run.state.spending.get(Role.REFLECTOR, NEVER_ASKED).answered
    if reflections and run.counts_tokens_or_money and not known:
        rollouts = rollouts[:1]
    for place, total in enumerate(accumulate(rollouts), 1):
        if exceeded(run, rollouts=total, reflections=reflections * place) is not None:
            break
        fitting = place
    return fitting


def stop_reason(run: Run) -> str | None:
    """Return why the run should end before another iteration, None to go on."""
    standing, task = standing_of(run.state), run.state.task
    if (reason := _done(standing, task)) is not None:
        return reason
    # Through the control, where the answer stays when a replay begins after the final test has been paid.
    stalled = _stalled(standing, task, asks_judge=run.asks_judge)
    reason = stalled or _too_little_left(standing, task, asks_judge=run.asks_judge)
    return run.control(f"{standing.iteration + 1}/start", reason)


def limit_reached(standing: Standing, task: Task, *, asks_judge: bool) -> str | None:
    """Return which limit of the task keeps a run from going on where it stands, None if none does."""
    return (
        _done(standing, task)
        or _stalled(standing, task, asks_judge=asks_judge)
        or _too_little_left(standing, task, asks_judge=asks_judge)
    )


def _done(standing: Standing, task: Task) -> str | None:
    if task.pinned is None and reaches_target(standing.leader_score, task):
        return "target_score"
    if standing.iteration >= task.iterations:
        return "iterations"
    if task.budget.patience is not None and standing.since_improvement >= task.budget.patience:
        return "patience"
    return None


def _stalled(standing: Standing, task: Task, *, asks_judge: bool) -> str | None:
    """Return why no more proposals are tried: there have been enough in vain, or a limit lets through too few."""
    if standing.dry_iterations < DRY_LIMIT:
        return None
    if standing.dry_iterations - standing.cut_iterations >= DRY_LIMIT:
        return "stalled"
    return _too_little_left(standing, task, asks_judge=asks_judge, proposals=task.population)


def _too_little_left(standing: Standing, task: Task, *, asks_judge: bool, proposals: int = 1) -> str | None:
    proposals = proposals if task.pinned is None else 0
    smallest = proposals * min(task.minibatch, standing.train) + standing.validating
    calls = calls_of(smallest + standing.tests_to_come, proposals, asks_judge=asks_judge)
    return _over_budget(standing, task, calls, rollouts=smallest)


def not_run_by_leader(state: State) -> list[Example]:
    """Return the examples that decide by now and on which the leader has not been run."""
    leader = state.frontier.leader()
    return [each for each in state.deciding if (leader, each.id) not in state.rollouts]
