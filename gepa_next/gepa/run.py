"""One run as its parts see it: the state, the ports, and the two things they do together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from gepa_next.errors import InvalidError, ModelError
from gepa_next.gepa.ports import Control, FanOut, LanguageModel, Metric
from gepa_next.gepa.spending import NOTHING_SPENT, Spending, add_spending, most_cost_usd, most_tokens, sends
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Completion, ModelCall, Role

MARGIN = 1e-9
DRY_LIMIT = 5  # iterations in a row in which no proposal was worth evaluating


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A state with the ports it is run through; without a metric the judge alone scores.

    `judge_weight` is its share of a score beside a metric, which has the rest.
    """

    state: State
    model: LanguageModel
    fan_out: FanOut
    control: Control
    metric: Metric | None = None
    judge_weight: float = 0.0

    @property
    def asks_judge(self) -> bool:
        """Whether a rollout takes a call of the judge."""
        return self.metric is None or self.judge_weight > 0

    def calls_of(self, *, rollouts: int, reflections: int) -> Mapping[Role, int]:
        """Return how many calls of each role a batch takes."""
        judged = rollouts if self.asks_judge else 0
        return {Role.TARGET: rollouts, Role.JUDGE: judged, Role.REFLECTOR: reflections}


def exceeded(run: Run, *, rollouts: int = 0, reflections: int = 0, unrecorded: Spending = NOTHING_SPENT) -> str | None:
    """Return the first limit that a batch of this size could break, the final test held in reserve.

    A call to come is taken to cost twice the dearest of its role so far. What is `unrecorded` is spent but not
    in the state yet. InvalidError if there is a limit in USD and a role's calls have no price.
    """
    state, budget = run.state, run.state.task.budget
    reserve = _tests_to_come(state)
    if state.rollouts_used + rollouts + reserve > budget.max_rollouts:
        return "max_rollouts"
    spending = add_spending(state.spending, unrecorded)
    calls = run.calls_of(rollouts=rollouts + reserve, reflections=reflections)
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
    contestants = (0, state.frontier.leader()) if state.frontier.leader() else (0,)
    made = sum((each, example.id) in state.rollouts for each in contestants for example in state.task.test)
    return 2 * len(state.task.test) - made


def how_many_fit(run: Run, rollouts: Sequence[int], *, reflections: int = 0) -> int:
    """Return how many items of a batch fit the budget in their order, each of so many rollouts.

    While nobody knows what a reflection costs, one at most where that counts.
    """
    fitting = 0
    if reflections and _has_to_learn_the_price(run):
        rollouts = rollouts[:1]
    for place, total in enumerate(accumulate(rollouts), 1):
        if exceeded(run, rollouts=total, reflections=reflections * place) is not None:
            break
        fitting = place
    return fitting


def _has_to_learn_the_price(run: Run) -> bool:
    budget = run.state.task.budget
    counts = budget.max_tokens is not None or budget.max_cost_usd is not None
    return counts and Role.REFLECTOR not in run.state.spending


def stop_reason(run: Run) -> str | None:
    """Return why the run should end before another iteration, None to go on."""
    state, task = run.state, run.state.task
    if (score := state.leader_score) is not None and score >= task.budget.target_score - MARGIN:
        return "target_score"
    if state.iteration >= task.iterations:
        return "iterations"
    if task.budget.patience is not None and state.since_improvement >= task.budget.patience:
        return "patience"
    if state.dry_iterations >= DRY_LIMIT:
        return "stalled"
    smallest = 2 * min(task.minibatch, len(task.train)) + len(task.validation)
    # Through the control, where the answer stays when a replay begins after the final test has been paid.
    return run.control(f"{state.iteration + 1}/start", exceeded(run, rollouts=smallest, reflections=1))


def limit_reached(state: State, metric: Metric | None, *, judge_weight: float = 0.0) -> str | None:
    """Return which limit keeps a run from going on where its state stands, None if none does."""
    run = Run(
        state=state,
        model=_no_model,
        fan_out=map,
        control=lambda _, reason=None: reason,
        metric=metric,
        judge_weight=judge_weight,
    )
    return stop_reason(run)


def _no_model(_: ModelCall) -> Completion:
    raise ModelError("no_model", "this run asks nobody", sends=0)
