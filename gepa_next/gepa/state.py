"""The state of one run: a fold of deltas over the task, with what the engine asks of it kept at hand."""

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from hashlib import sha256

from gepa_next.gepa.frontier import Frontier
from gepa_next.gepa.spending import Spending, add_spending
from gepa_next.gepa.splits import default_sizes, divide
from gepa_next.gepa.steps import Delta
from gepa_next.gepa.types import Candidate, Decision, Example, Lesson, Rollout, Task

REMEMBERED = 100  # rollouts, to tell an outage by


@dataclass(slots=True)
class State:
    """Everything known of a run. Only `apply` changes it; equal deltas make equal states."""

    task: Task
    iteration: int = 0
    candidates: dict[int, Candidate] = field(default_factory=dict)
    rollouts: dict[tuple[int, str], Rollout] = field(default_factory=dict)
    recent: deque[Rollout] = field(default_factory=lambda: deque(maxlen=REMEMBERED), repr=False)
    lessons: list[Lesson] = field(default_factory=list)
    spending: Spending = field(default_factory=dict)
    rollouts_used: int = 0
    dry_iterations: int = 0
    since_improvement: int = 0
    used: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    tried: set[bytes] = field(default_factory=set, repr=False)
    frontier: Frontier = field(default_factory=Frontier, compare=False, repr=False)
    _evaluated: bool = field(default=False, compare=False, repr=False)
    _leader_before: int = field(default=0, compare=False, repr=False)

    def apply(self, delta: Delta) -> None:
        """Take in one delta; costs as much as the delta is long."""
        if delta.examples:
            self.task = with_examples(self.task, delta.examples)
        for rollout in delta.rollouts:
            self.rollouts[rollout.candidate_id, rollout.example_id] = rollout
        self.recent.extend(delta.rollouts)
        self.rollouts_used += len(delta.rollouts)
        for candidate in delta.candidates:
            self._add(candidate)
        self.lessons.extend(delta.lessons)
        self.spending = add_spending(self.spending, delta.spending)
        if delta.iteration is not None:
            self._complete(delta.iteration)

    def scores(self, candidate_id: int, examples: tuple[Example, ...]) -> dict[str, float]:
        """Return the candidate's scores by example id, without the failed and the missing ones."""
        found = ((each.id, self.rollouts.get((candidate_id, each.id))) for each in examples)
        return {key: rollout.score for key, rollout in found if rollout is not None and rollout.score is not None}

    def ancestors(self, candidate_id: int) -> list[int]:
        """Return the candidate and everything it comes from, nearest first."""
        line, at = [candidate_id], 0
        while at < len(line):
            line.extend(each for each in self.candidates[line[at]].parents if each not in line)
            at += 1
        return line

    @property
    def leader(self) -> Candidate:
        """The candidate with the best validation score so far."""
        return self.candidates[self.frontier.leader()]

    @property
    def leader_score(self) -> float | None:
        """The leader's mean validation score in [0, 1]."""
        return self.frontier.mean(self.frontier.leader())

    @property
    def leader_is_whole(self) -> bool:
        """Whether the leader has a score for every validation example: what failed may be what it cannot do."""
        return len(self.scores(self.frontier.leader(), self.task.validation)) == len(self.task.validation)

    def _add(self, candidate: Candidate) -> None:
        self.candidates[candidate.id] = candidate
        if candidate.compared or candidate.decision is not Decision.REJECTED:
            self.tried.add(fingerprint(candidate.text))  # one dropped for want of budget or time may come again
        self.used[candidate.operator] += 1
        self.paid[candidate.operator] += candidate.decision is Decision.ACCEPTED
        self._evaluated |= candidate.compared > 0
        if candidate.decision in {Decision.SEED, Decision.ACCEPTED}:
            self.frontier.add(candidate.id, self.scores(candidate.id, self.task.validation))

    def _complete(self, iteration: int) -> None:
        self.iteration = iteration
        if iteration == 0:  # the seed prompt's evaluation: nothing was proposed yet
            return
        self.dry_iterations = 0 if self._evaluated else self.dry_iterations + 1
        leader = self.frontier.leader()
        self.since_improvement = 0 if leader != self._leader_before else self.since_improvement + 1
        self._leader_before, self._evaluated = leader, False


def fingerprint(text: str) -> bytes:
    """Return a hash that ignores case and spacing, so that trivial rewordings count as tried."""
    return sha256(" ".join(text.casefold().split()).encode()).digest()


def with_examples(task: Task, examples: tuple[Example, ...]) -> Task:
    """Return the task with examples in their default splits."""
    splits = divide(examples, default_sizes(len(examples)), seed=task.seed)
    return replace(task, train=splits.train, validation=splits.validation, test=splits.test)
