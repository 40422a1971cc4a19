"""One run as its parts see it: the state, the ports, and the two things they do together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from gepa_next.errors import ModelError
from gepa_next.gepa.ports import Control, FanOut, LanguageModel, Metric
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Completion, ModelCall

MARGIN = 1e-9
DRY_LIMIT = 5  # iterations in a row in which no proposal was worth evaluating


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A state with the ports it is run through; `metric` None means that the judge scores."""

    state: State
    model: LanguageModel
    fan_out: FanOut
    control: Control
    metric: Metric | None = None

    @property
    def calls_per_rollout(self) -> int:
        """How many model calls one rollout takes."""
        return 2 if self.metric is None else 1


def exceeded(run: Run, *, rollouts: int = 0, reflections: int = 0) -> str | None:
    """Return the first limit that a batch of this size could break, the final test held in reserve.

    Tokens and USD of a call to come are taken to be twice the mean of those so far.
    """
    state, budget = run.state, run.state.task.budget
    reserve = _tests_to_come(state)
    if state.rollouts_used + rollouts + reserve > budget.max_rollouts:
        return "max_rollouts"
    calls = reflections + (rollouts + reserve) * run.calls_per_rollout
    sends = max(1, state.usage.sends)
    tokens = state.usage.input_tokens + state.usage.output_tokens
    if budget.max_calls is not None and state.usage.sends + calls > budget.max_calls:
        return "max_calls"
    if budget.max_tokens is not None and tokens + 2 * calls * tokens / sends > budget.max_tokens:
        return "max_tokens"
    cost = state.usage.cost_usd
    if budget.max_cost_usd is not None and cost is not None and cost * (1 + 2 * calls / sends) > budget.max_cost_usd:
        return "max_cost_usd"
    return None


def _tests_to_come(state: State) -> int:
    """Return how many rollouts the final test may still take, for the seed prompt and one champion."""
    contestants = (0, state.frontier.leader()) if state.frontier.leader() else (0,)
    made = sum((each, example.id) in state.rollouts for each in contestants for example in state.task.test)
    return 2 * len(state.task.test) - made


def how_many_fit(run: Run, rollouts: Sequence[int], *, reflections: int = 0) -> int:
    """Return how many items of a batch fit the budget in their order, each of so many rollouts."""
    fitting = 0
    for place, total in enumerate(accumulate(rollouts), 1):
        if exceeded(run, rollouts=total, reflections=reflections * place) is not None:
            break
        fitting = place
    return fitting


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
    # The control first: its answer stays when a replay begins after the final test has been paid.
    return run.control(f"{state.iteration + 1}/start") or exceeded(run, rollouts=smallest, reflections=1)


def limit_reached(state: State, metric: Metric | None) -> str | None:
    """Return which limit keeps a run from going on where its state stands, None if none does."""
    return stop_reason(Run(state=state, model=_no_model, fan_out=map, control=lambda _: None, metric=metric))


def _no_model(_: ModelCall) -> Completion:
    raise ModelError("no_model", "this run asks nobody", sends=0)
