"""What a job takes: calls and tokens by role, expected and at most, before anything is asked."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from math import floor, sqrt
from typing import TypeVar

from gepa_next.gepa.call_sizes import Sizes, expected_sizes, largest_sizes
from gepa_next.gepa.deciding import how_many_decide
from gepa_next.gepa.engine import SYNTHETIC_INPUTS
from gepa_next.gepa.noise import ROOM, judgings_of
from gepa_next.gepa.operators import MENU
from gepa_next.gepa.proposers.demonstrate import AT_ONCE
from gepa_next.gepa.racing import block_ends, most_rollouts
from gepa_next.gepa.spending import NO_USAGE, add_usage
from gepa_next.gepa.splits import SplitSizes, default_sizes
from gepa_next.gepa.types import Budget, CallUsage, Role, Task

# As in 30 simulated jobs of 6 to 60 examples and 4 to 20 iterations.
COMPARED = 0.7  # of the proposals; the others are refused by a guard
TO_THE_END = 0.7  # of the races
LEADERS = 2  # times the square root of the iterations
CASES_OF_LEADER = 3  # minibatches
# The operators that come first, as the menu weighs them: only one of them does without the reflector.
REFLECTED = 1 - MENU["demonstrate"] / (MENU["reflect"] + MENU["constrain"] + MENU["demonstrate"])

ROUNDING = 1e-6  # a call that a limit has no room for is none

CostOf = Callable[[Role, int, int], float | None]  # of input and output tokens, in USD; None is unknown
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What is consumed; `sends` counts calls, each sent once."""

    rollouts: int
    total: CallUsage
    by_role: Mapping[Role, CallUsage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a job takes, and the sizes of calls it is reckoned with.

    `limited_by` is the limit that ends the iterations before all are done, if it is to be expected
    that one does.
    """

    expected: Amount
    most: Amount
    limited_by: str | None
    expected_sizes: Sizes
    largest_sizes: Sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What calls are made for."""

    rollouts: float
    reflections: float
    judgings: float = 0  # of the judge's noise

    def plus(self, other: "_Work", *, share: float = 1.0) -> "_Work":
        return _Work(
            rollouts=self.rollouts + share * other.rollouts,
            reflections=self.reflections + share * other.reflections,
            judgings=self.judgings + share * other.judgings,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What turns work into calls, tokens and money."""

    sizes: Sizes
    judged: bool
    cost_of: CostOf

    def amount(self, work: _Work) -> Amount:
        rollouts = floor(work.rollouts + ROUNDING)
        calls = {
            Role.TARGET: rollouts,
            Role.JUDGE: rollouts + floor(work.judgings) if self.judged else 0,
            Role.REFLECTOR: floor(work.reflections + ROUNDING),
        }
        by_role = {role: self._usage(role, count) for role, count in calls.items()}
        total = NO_USAGE
        for usage in by_role.values():
            total = add_usage(total, usage)
        return Amount(rollouts=rollouts, total=total, by_role=by_role)

    def _usage(self, role: Role, calls: int) -> CallUsage:
        if not calls:
            return NO_USAGE
        sent, got = calls * self.sizes[role].input_tokens, calls * self.sizes[role].output_tokens
        return CallUsage(sends=calls, input_tokens=sent, output_tokens=got, cost_usd=self.cost_of(role, sent, got))


def quote(
    task: Task,
    *,
    judged: bool,
    cost_of: CostOf,
    seeded: Collection[str] = (),
    tries_heir: bool = False,
) -> Quote:
    """Return what the task takes, every call sent once; on the examples `seeded` the seed prompt was run already.

    Expected is a job that makes all its iterations unless a limit on rollouts, calls, tokens or USD ends them, with
    the shares of proposals above. Most is a bound on rollouts and calls: every proposal is reflected on, compared and
    validated. On tokens and USD it is one as far as no text is longer than in `largest_sizes`; a limit on them is
    taken as kept, though the seed evaluation and the final test are made in any case.
    """
    split, mean, largest = split_sizes(task), expected_sizes(task), largest_sizes(task)
    likely = _Terms(sizes=mean, judged=judged, cost_of=cost_of)
    widest = _Terms(sizes=largest, judged=judged, cost_of=cost_of)
    start, rounds = _start(task, split, seeded, tries_heir=tries_heir), _rounds(task, split)
    most = _most(task, split, start, tries_heir=tries_heir)
    start = _with_noise(start, task.budget, split, likely)
    share, limit = _share_that_fits(task.budget, likely.amount(start), likely.amount(start.plus(rounds)))
    expected = start.plus(rounds, share=share)
    return Quote(
        expected=_limited(likely.amount(expected), task.budget, start=likely.amount(start).total),
        most=_limited(widest.amount(most), task.budget, start=widest.amount(start).total),
        limited_by=limit,
        expected_sizes=mean,
        largest_sizes=largest,
    )


def split_sizes(task: Task) -> SplitSizes:
    """Return how many examples each split holds, or will once they are drafted."""
    if not task.train:
        return default_sizes(SYNTHETIC_INPUTS)
    return SplitSizes(train=len(task.train), validation=len(task.validation), test=len(task.test))


def usable_rollouts(split: SplitSizes, *, iterations: int, population: int, minibatch: int) -> int:
    """Return how many rollouts so many iterations can use at most, seed evaluation and final test included."""
    count = split.validation
    each = population * min(minibatch, split.train) + most_rollouts(count, population)
    return count + 2 * split.test + iterations * each


def _start(task: Task, split: SplitSizes, seeded: Collection[str], *, tries_heir: bool) -> _Work:
    """Return what is done in any case: examples drafted, the seed prompt and the heir evaluated, the final test."""
    first = how_many_decide(split.validation, growths=0)
    done = sum(each.id in seeded for each in task.validation[:first])
    return _Work(rollouts=first * (1 + tries_heir) - done + 2 * split.test, reflections=0 if task.train else 1)


def _with_noise(start: _Work, budget: Budget, split: SplitSizes, terms: _Terms) -> _Work:
    """Return the work with the judgings that measure the judge's noise, if the limits leave room for them."""
    judgings = judgings_of(how_many_decide(split.validation, growths=0))
    room = terms.amount(start.plus(_Work(rollouts=ROOM * judgings, reflections=0)))
    fits = all(limit is None or spent is None or spent <= limit for _, limit, spent in _spent(budget, room))
    return replace(start, judgings=judgings) if fits else start


def _rounds(task: Task, split: SplitSizes) -> _Work:
    """Return what all iterations are expected to take."""
    count, proposals = split.validation, task.iterations * task.population
    cases = min(split.train, CASES_OF_LEADER * task.minibatch)
    first_time = min(cases * _leaders(task.iterations), proposals * min(task.minibatch, split.train))
    races = sum(
        _race(how_many_decide(count, growths=round(done - _leaders(done))), task.population)
        for done in range(task.iterations)
    )
    return _Work(
        rollouts=races + first_time,
        reflections=proposals * (REFLECTED if _can_demonstrate(task) else 1),
    )


def _leaders(iterations: int) -> float:
    return min(iterations, LEADERS * sqrt(iterations))


def _race(count: int, population: int) -> float:
    """Return what one race is expected to take: the first block for all of its proposals, the rest for one."""
    first = block_ends(count)[0]
    return COMPARED * population * first + TO_THE_END * (count - first)


def _can_demonstrate(task: Task) -> bool:
    return task.train != task.validation and sum(each.ideal is not None for each in task.train) > AT_ONCE


def _most(task: Task, split: SplitSizes, start: _Work, *, tries_heir: bool) -> _Work:
    usable = split.validation * tries_heir + usable_rollouts(
        split, iterations=task.iterations, population=task.population, minibatch=task.minibatch
    )
    reflections = start.reflections + task.iterations * task.population
    calls = task.budget.max_calls or usable + reflections
    judgings = judgings_of(how_many_decide(split.validation, growths=0))
    has_room = start.rollouts + ROOM * judgings_of(1) <= task.budget.max_rollouts
    return _Work(
        rollouts=min(usable, task.budget.max_rollouts, calls),
        reflections=min(reflections, calls),
        judgings=judgings if has_room else 0,
    )


def _share_that_fits(budget: Budget, start: Amount, whole: Amount) -> tuple[float, str | None]:
    """Return the share of the iterations that the limits leave room for, and the limit that leaves least."""
    found: tuple[float, str | None] = (1.0, None)
    for (name, limit, least), (_, _, most) in zip(_spent(budget, start), _spent(budget, whole), strict=True):
        if limit is not None and least is not None and most is not None and most > limit:
            share = max(0.0, (limit - least) / (most - least)) if most > least else 0.0
            found = min(found, (share, name), key=lambda each: each[0])
    return found


def _spent(budget: Budget, amount: Amount) -> Iterator[tuple[str, float | None, float | None]]:
    """Yield each limit by name, its value, and what of it is spent."""
    yield "max_rollouts", budget.max_rollouts, amount.rollouts
    yield "max_calls", budget.max_calls, amount.total.sends
    yield "max_tokens", budget.max_tokens, amount.total.input_tokens + amount.total.output_tokens
    yield "max_cost_usd", budget.max_cost_usd, amount.total.cost_usd


def _limited(amount: Amount, budget: Budget, *, start: CallUsage) -> Amount:
    """Return no more than the limits allow, in all and for each role alone."""

    def within(usage: CallUsage) -> CallUsage:
        tokens = start.input_tokens + start.output_tokens
        cost_usd = usage.cost_usd
        if cost_usd is not None and start.cost_usd is not None:
            cost_usd = _within(cost_usd, budget.max_cost_usd, least=start.cost_usd)
        return CallUsage(
            sends=_within(usage.sends, budget.max_calls, least=start.sends),
            input_tokens=_within(usage.input_tokens, budget.max_tokens, least=tokens),
            output_tokens=_within(usage.output_tokens, budget.max_tokens, least=tokens),
            cost_usd=cost_usd,
        )

    by_role = {role: within(usage) for role, usage in amount.by_role.items()}
    return Amount(rollouts=amount.rollouts, total=within(amount.total), by_role=by_role)


def _within(value: Number, limit: Number | None, *, least: Number) -> Number:
    return value if limit is None else min(value, max(limit, least))
