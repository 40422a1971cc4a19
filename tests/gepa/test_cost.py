"""What an iteration computes: as much with a thousand candidates as with a hundred, and never much at a stretch.

Lines of code are counted, for they are the same on every machine.
"""

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import gepa_next.gepa
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.frontier import MOST_MEMBERS
from gepa_next.gepa.operators import plan_proposals
from gepa_next.gepa.pause import pause
from gepa_next.gepa.proposers.demonstrate import AT_ONCE, choose_demonstrations
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.state import ALL_GROWTHS, State
from gepa_next.gepa.steps import Delta
from gepa_next.gepa.types import (
    Budget,
    Candidate,
    Completion,
    Decision,
    Example,
    ModelCall,
    Role,
    Rollout,
    Split,
    Task,
    Verdict,
)
from tests.gepa.stage import accepted, run_of

Item = TypeVar("Item")
Result = TypeVar("Result")
Trace = Callable[[FrameType, str, Any], Any]  # Any: as sys.settrace has it

COUNTED = (str(Path(gepa_next.gepa.__file__).parent), random.__file__)
SPREAD, GAIN = 0.4, 0.0003  # of a candidate's scores, and of each over the one before it
MOST_AT_A_STRETCH = 150_000  # lines, some ten milliseconds


class Lines:
    """Counts lines, in all and between one pause or model call and the next."""

    def __init__(self) -> None:
        self.total = self.stretch = self.longest = 0

    def __call__(self, frame: FrameType, _: str, __: object) -> Trace | None:
        if frame.f_code in ENDS_OF_STRETCHES:
            self.longest, self.stretch = max(self.longest, self.stretch), 0
        return self._line if frame.f_code.co_filename.startswith(COUNTED) else None

    def _line(self, _: FrameType, event: str, __: object) -> Trace:
        if event == "line":
            self.total += 1
            self.stretch += 1
        return self._line

    @contextmanager
    def counting(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            yield
        finally:
            sys.settrace(before)


def improves(call: ModelCall) -> Completion:
    """Answer with the number of the prompt, or propose one with the number of the candidate that it becomes."""
    if call.role is Role.TARGET:
        return Completion(text=call.messages[0].content.split()[-1])
    number = call.key.split("/")[2]
    if call.reply_type is AdditionReply:
        return Completion(text="", reply=AdditionReply(lesson=f"lesson {number}", addition=f"Number {number}"))
    return Completion(text="", reply=PromptReply(lesson=f"lesson {number}", prompt=f"Answer. Number {number}"))


ENDS_OF_STRETCHES = {pause.__code__, improves.__code__}


class Shuffled:
    """Scores every candidate a little better than those before it, and differently on each example.

    So nearly all iterations bring a new leader, its line is long, and many candidates are best on some example.
    """

    def __init__(self, examples: int) -> None:
        self._examples = examples
        self._orders: dict[int, list[int]] = {}

    def __call__(self, example: Example, output: str) -> Verdict:
        candidate = int(output)
        if candidate not in self._orders:
            order = list(range(self._examples))
            random.Random(candidate).shuffle(order)  # noqa: S311 - for repetition, not for secrets
            self._orders[candidate] = order
        place = self._orders[candidate][int(example.id) % self._examples]
        return Verdict(score=GAIN * candidate + SPREAD * place / self._examples, feedback="Higher.")


def task_with(validation: int, *, train: int = 12, **changes: Any) -> Task:
    examples = [
        Example(id=str(n), input=f"This is the request with the number {n}.") for n in range(validation + train)
    ]
    task = Task(
        prompt="Answer. Number 0",
        train=tuple(examples[validation:]),
        validation=tuple(examples[:validation]),
        test=(),
        budget=Budget(max_rollouts=10**9),
        seed=1,
        iterations=10**6,
    )
    return replace(task, **changes)


def lines_of(state: State, *, iterations: int) -> Lines:
    """Return the lines of so many further iterations, or of the seed prompt's and those."""
    lines, end = Lines(), state.iteration + iterations
    run = run_of(state, improves, fan_out=at_once, metric=Shuffled(len(state.task.validation)))
    with lines.counting():
        for _ in takewhile(lambda _: state.iteration < end, optimize(run)):
            pass
    return lines


def grown(state: State, candidates: int) -> State:
    """Run until there are so many candidates."""
    run = run_of(state, improves, metric=Shuffled(len(state.task.validation)))
    for step in optimize(run):
        if step.stage == "iteration" and len(state.candidates) > candidates:
            break
    return state


def lines_a_rollout(state: State) -> float:
    before, lines = state.rollouts_used, lines_of(state, iterations=5).total
    return lines / (state.rollouts_used - before)


def at_once(function: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]:
    """Have all results before the first is read: the most there can be to read at a stretch."""
    return [function(each) for each in items]


def all_decide(task: Task) -> State:
    state = State(task)
    state.growths = ALL_GROWTHS
    return state


def test_an_iteration_computes_as_much_with_a_thousand_candidates_as_with_a_hundred() -> None:
    state = grown(all_decide(task_with(40)), 100)
    with_few = lines_of(state, iterations=20)
    with_many = lines_of(grown(state, 1000), iterations=20)
    assert sum(each.decision is Decision.ACCEPTED for each in state.candidates.values()) > 100
    assert len(list(state.ancestors(state.leader.id))) > 30
    assert with_many.total < 1.1 * with_few.total


def test_an_iteration_computes_in_proportion_to_the_examples_that_decide() -> None:
    narrow, wide = (grown(all_decide(task_with(each)), 20) for each in (200, 800))
    assert lines_a_rollout(wide) < 1.1 * lines_a_rollout(narrow)


def with_members(state: State, members: int) -> State:
    """Let the frontier have so many members, the latest of which leads."""
    metric = Shuffled(len(state.task.validation))
    for number in range(state.last_id + 1, state.last_id + 1 + members):
        scores = {each.id: metric(each, str(number)).score for each in state.task.validation}
        made = [
            Rollout(candidate_id=number, example_id=key, split=Split.VALIDATION, score=score)
            for key, score in scores.items()
        ]
        state.apply(Delta(rollouts=tuple(made), candidates=(accepted(number, f"Answer. Number {number}", 0),)))
    assert len(state.frontier.members()) > 0.9 * members
    return state


def test_nothing_computes_for_long_without_a_pause_where_thousands_decide() -> None:
    examples = 2000
    state = grown(all_decide(task_with(examples, train=examples, population=8)), 0)
    assert lines_of(with_members(state, MOST_MEMBERS), iterations=2).longest < MOST_AT_A_STRETCH


class Comparable(Example):
    """An example that counts how often it is compared with another."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Comparable.compared += 1
        return self is other

    __hash__ = Example.__hash__


def test_after_an_iteration_that_ran_nothing_examples_are_found_by_their_ids() -> None:
    """Text by text it would take as many comparisons as the square of the examples."""
    train = tuple(Comparable(id=f"t{n}", input="The same.") for n in range(100))
    state = State(replace(task_with(8), train=train))
    known = [*((each, Split.TRAIN) for each in train[:90]), (state.task.validation[0], Split.VALIDATION)]
    made = tuple(Rollout(candidate_id=0, example_id=each.id, split=split, score=0.5) for each, split in known)
    state.apply(Delta(candidates=(Candidate(id=0, text="Answer."),), rollouts=made))
    state.dry_iterations, Comparable.compared = 1, 0
    plans = plan_proposals(state, 4)
    assert {each.id for plan in plans for each in plan.minibatch} <= {each.id for each in train[90:]}
    assert Comparable.compared == 0


class Searched(str):
    """A prompt that counts how often it is searched, in all and between one pause and the next."""

    __slots__ = ()
    total = stretch = longest = 0

    def __contains__(self, part: str, /) -> bool:
        Searched.total += 1
        Searched.stretch += 1
        Searched.longest = max(Searched.longest, Searched.stretch)
        return super().__contains__(part)

    @classmethod
    @contextmanager
    def counting(cls) -> Iterator[None]:
        def trace(frame: FrameType, _: str, __: object) -> None:
            if frame.f_code is pause.__code__:
                cls.stretch = 0

        cls.total = cls.stretch = cls.longest = 0
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            yield
        finally:
            sys.settrace(before)


def with_long_prompt(train: int) -> State:
    examples = tuple(Example(id=f"t{n}", input=f"Request {n}", ideal=f"answer-{n % 3}") for n in range(train))
    state = State(replace(task_with(8), train=examples))
    made = Rollout(candidate_id=0, example_id=state.task.validation[0].id, split=Split.VALIDATION, score=0.5)
    seed = Candidate(id=0, text=Searched("No such input. " * 5000))
    state.apply(Delta(candidates=(seed,), rollouts=(made,)))
    return state


def test_a_plan_that_shows_no_examples_searches_the_prompt_for_a_few_of_them_only() -> None:
    state = with_long_prompt(300)
    state.used["demonstrate"] = 10**9
    with Searched.counting():
        plans = plan_proposals(state, 8)
    assert "demonstrate" not in {plan.operator for plan in plans}
    assert Searched.total <= 8 * (AT_ONCE + 1)


def test_a_long_prompt_is_searched_for_all_examples_with_pauses() -> None:
    state = with_long_prompt(300)
    with Searched.counting():
        shown = choose_demonstrations(state, state.candidates[0], 0)
    assert len({each.ideal for each in shown}) == AT_ONCE
    assert 300 < Searched.total < 400  # all for their inputs, and the first of them for their answers
    assert Searched.longest < 30
