"""What an iteration of the engine computes as candidates and examples become many, with models that take no time.

make bench
"""

import gc
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from unittest.mock import patch

from gepa_next.gepa import pause
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.state import ALL_GROWTHS, State
from gepa_next.gepa.types import Budget, Completion, Decision, Example, ModelCall, Role, Task, Verdict

Item = TypeVar("Item")
Result = TypeVar("Result")

CANDIDATES = (50, 200, 1000)
VALIDATION = (40, 200, 2000)
SEVERAL = 20  # iterations, to take the mean of
SPREAD, GAIN = 0.4, 0.0003  # of a candidate's scores, and of each over the one before it


class Stretches:
    """Times what is computed between one pause or batch of calls and the next, in CPU time."""

    def __init__(self) -> None:
        self.longest_s = self.spent_s = 0.0
        self._since = time.thread_time()

    def sleep(self, _: float) -> None:
        """End a stretch and begin another, in place of `time.sleep`."""
        self.end()
        self.begin()

    def end(self) -> None:
        """Take in the stretch up to now."""
        took = time.thread_time() - self._since
        self.spent_s, self.longest_s = self.spent_s + took, max(self.longest_s, took)

    def begin(self) -> None:
        """Leave out what came before."""
        self._since = time.thread_time()

    def fan_out(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]:
        """Have all results before the first is read; making them is left out, for threads do that."""
        self.end()
        made = [function(each) for each in items]
        self.begin()
        return made


def improves(call: ModelCall) -> Completion:
    """Answer with the number of the prompt, or propose one with the number of the candidate that it becomes."""
    if call.role is Role.TARGET:
        return Completion(text=call.messages[0].content.split()[-1])
    number = call.key.split("/")[2]
    if call.reply_type is AdditionReply:
        return Completion(text="", reply=AdditionReply(lesson=f"lesson {number}", addition=f"Number {number}"))
    return Completion(text="", reply=PromptReply(lesson=f"lesson {number}", prompt=f"Answer. Number {number}"))


def varied(example: Example, output: str) -> Verdict:
    """Score each candidate a little better than those before it, and otherwise on each example: the pool grows."""
    luck = random.Random(f"{output}/{example.id}").random()  # noqa: S311 - for repetition, not for secrets
    return Verdict(score=GAIN * int(output) + SPREAD * luck, feedback="Higher.")


def fresh(validation: int) -> State:
    """Return a state in which all validation examples decide, with as many to learn from."""
    examples = tuple(
        Example(id=str(n), input=f"This is the request with the number {n}.") for n in range(2 * validation)
    )
    task = Task(
        prompt="Answer. Number 0",
        train=examples[:validation],
        validation=examples[validation:],
        test=(),
        budget=Budget(max_rollouts=10**9),
        seed=1,
        iterations=10**6,
    )
    state = State(task)
    state.growths = ALL_GROWTHS
    return state


def run_to(state: State, stretches: Stretches, *, iteration: int = 0, candidates: int = 0) -> None:
    """Go on until so many iterations are complete and there are so many candidates."""
    run = Run(
        state=state, model=improves, fan_out=stretches.fan_out, control=lambda _, reason=None: reason, metric=varied
    )
    with patch.object(pause, "time", stretches):
        for step in optimize(run):
            if step.delta.checkpoint and state.iteration >= iteration and len(state.candidates) >= candidates:
                stretches.end()
                return


@contextmanager
def without_collection() -> Iterator[None]:
    """Leave out the collection of cycles, which depends on all that the process holds."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def row(state: State) -> str:
    """Return what the next iterations compute, as a line."""
    found, rollouts = Stretches(), state.rollouts_used
    pool = len(state.candidates)
    with without_collection():
        run_to(state, found, iteration=state.iteration + SEVERAL)
    accepted = sum(each.decision is Decision.ACCEPTED for each in state.candidates.values())
    made = (state.rollouts_used - rollouts) / SEVERAL
    return (
        f"{len(state.task.validation):5} deciding, {pool:4} candidates, {accepted:3} of them accepted:"
        f" {found.spent_s / SEVERAL * 1e3:5.1f} ms an iteration of {made:.0f} rollouts,"
        f" {found.longest_s * 1e3:.1f} ms at a stretch"
    )


def main() -> None:
    """Print a line for each size of the pool, and for each number of examples."""
    state = fresh(VALIDATION[0])
    for candidates in CANDIDATES:
        run_to(state, Stretches(), candidates=candidates)
        print(row(state))
    for validation in VALIDATION[1:]:
        wide = fresh(validation)
        run_to(wide, Stretches(), candidates=CANDIDATES[0])
        print(row(wide))


if __name__ == "__main__":
    main()
