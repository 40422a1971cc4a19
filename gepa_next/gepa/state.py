"""The state of one run: a fold of deltas over the task, with what the engine asks of it kept at hand."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from hashlib import sha256
from math import inf
from operator import or_

from gepa_next.gepa.deciding import growths_until, how_many_decide
from gepa_next.gepa.failures import Failures
from gepa_next.gepa.frontier import MARGIN, Frontier
from gepa_next.gepa.leaks import HiddenTexts
from gepa_next.gepa.lessons import shown_lessons
from gepa_next.gepa.pause import paced
from gepa_next.gepa.spending import Spending, add_spending
from gepa_next.gepa.splits import default_sizes, divide
from gepa_next.gepa.steps import Delta
from gepa_next.gepa.types import Candidate, Decision, Example, JudgeNoise, Lesson, Rollout, Split, Task

TAKEN_AT_A_STRETCH = 500  # rollouts, some milliseconds
REMEMBERED = 100  # rollouts, to tell an outage by
TELLS_MORE = 1.25  # times the examples, and a text that was not behind may win
DOUBLING = 8  # growths, after an iteration in which nothing was worth running
SAME_TEXT = "same_text"  # flag of a rollout that was paid for under an earlier candidate with the same text
SHARED = "shared"  # flag of a rollout that another run has made
ALL_GROWTHS = 1000  # whatever the number of examples, all of them decide
POPULATION = frozenset({Decision.SEED, Decision.ACCEPTED})


@dataclass(slots=True)
class State:
    """Everything known of a run. Only `inherit` and `apply` change it; equal deltas make equal states."""

    task: Task
    iteration: int = 0
    is_seeded: bool = False  # the seed prompt has been run
    candidates: dict[int, Candidate] = field(default_factory=dict)
    rollouts: dict[tuple[int, str], Rollout] = field(default_factory=dict)
    recent: deque[Rollout] = field(default_factory=lambda: deque(maxlen=REMEMBERED), repr=False)
    lessons: list[Lesson] = field(default_factory=list)
    best_lessons: list[Lesson] = field(default_factory=list)
    last_id: int = 0  # of the candidates
    noise: JudgeNoise | None = None  # of the judge, once it is known
    spending: Spending = field(default_factory=dict)
    rollouts_used: int = 0
    dry_iterations: int = 0
    cut_iterations: int = 0  # those of them that the budget left fewer proposals than were wanted
    since_improvement: int = 0
    growths: int = 0  # of the examples that decide
    used: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    tried: dict[bytes, float] = field(default_factory=dict, repr=False)  # until so many examples decide
    lines: dict[int, int] = field(default_factory=dict, repr=False)  # of the accepted: a bit for each it comes from
    by_text: dict[str, list[int]] = field(default_factory=dict, repr=False)  # the candidates that were run with it
    validation_ids: frozenset[str] = field(init=False, compare=False, repr=False)
    hidden: HiddenTexts = field(init=False, compare=False, repr=False)
    tested: Counter[int] = field(default_factory=Counter, repr=False)  # by candidate, on how many test examples
    failures: Failures = field(default_factory=Failures, repr=False)
    frontier: Frontier = field(default_factory=Frontier, compare=False, repr=False)
    _evaluated: bool = field(default=False, compare=False, repr=False)
    _proposed: int = field(default=0, compare=False, repr=False)
    _leader_before: int = field(default=0, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.validation_ids = frozenset(each.id for each in self.task.validation)
        self.hidden = HiddenTexts(self.task)

    def apply(self, delta: Delta) -> None:
        """Take in one delta; costs as much as the delta is long."""
        if delta.examples:
            self.task = with_examples(self.task, delta.examples)
            self.__post_init__()
        self._take_in(delta.rollouts)
        for candidate in delta.candidates:
            self._add(candidate)
        self.lessons.extend(delta.lessons)
        if delta.lessons:
            self.best_lessons = shown_lessons([*self.best_lessons, *delta.lessons])
        self.spending = add_spending(self.spending, delta.spending)
        self.noise = delta.noise or self.noise
        if delta.iteration is not None:
            self._complete(delta.iteration)

    def inherit(self, delta: Delta) -> None:
        """Take in what a run begins with: it was made by another, so it uses up no limit and tells of no outage.

        The heir leads if it has scores: who does may hang on the order in which they came to be known.
        """
        run_on = Counter(each.candidate_id for each in delta.rollouts if each.split is Split.VALIDATION)
        self.growths = growths_until(len(self.task.validation), max(run_on.values(), default=0))
        self.apply(delta)
        if self.task.heir is not None and self.task.heir in self.frontier:
            self.frontier.lead(self.task.heir)
        self.rollouts_used = 0
        self.recent.clear()
        self._leader_before, self._evaluated, self._proposed = self.frontier.leader(), False, 0

    def scores(self, candidate_id: int, examples: tuple[Example, ...]) -> dict[str, float]:
        """Return the candidate's scores by example id, without the failed and the missing ones."""
        found = ((each.id, self.rollouts.get((candidate_id, each.id))) for each in examples)
        return {key: rollout.score for key, rollout in found if rollout is not None and rollout.score is not None}

    def may_be_scored(self, candidate_id: int, example_id: str) -> bool:
        """Say whether it is worth running the candidate on the example: it was not yet, or failed and may not again."""
        found = self.rollouts.get((candidate_id, example_id))
        return found is None or (found.score is None and self.failures.may_be_tried_again(candidate_id, example_id))

    def ancestors(self, candidate_id: int) -> Iterator[int]:
        """Yield the candidate and everything it comes from, nearest first."""
        line, known = deque([candidate_id]), {candidate_id}
        while line:
            yield (nearest := line.popleft())
            further = [each for each in self.candidates[nearest].parents if each not in known]
            line.extend(further)
            known.update(further)

    def comes_from(self, candidate_id: int, other_id: int) -> bool:
        """Say whether an accepted candidate is the other one or comes from it."""
        return bool(self.lines[candidate_id] >> other_id & 1)

    def was_tried(self, text: str) -> bool:
        """Say whether the text was decided about, and that would not come out otherwise by now."""
        return len(self.deciding) < self.tried.get(fingerprint(text), 0)

    @property
    def deciding(self) -> tuple[Example, ...]:
        """The examples that decide between candidates by now; in a re-test all of them."""
        examples = self.task.validation
        if self.task.pinned is not None:
            return examples
        return examples[: how_many_decide(len(examples), growths=self.growths)]

    @property
    def reached_target(self) -> bool:
        """Whether the leader has the score that was asked for, with one for every example that decides by now."""
        scores = self.scores(self.leader.id, self.deciding).values()
        return len(scores) == len(self.deciding) and reaches_target(sum(scores) / len(scores), self.task)

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
        return len(self.frontier.scores(self.frontier.leader())) == len(self.task.validation)

    def _take(self, rollout: Rollout) -> None:
        self.rollouts[rollout.candidate_id, rollout.example_id] = rollout
        self.tested[rollout.candidate_id] += rollout.split is Split.TEST
        if SAME_TEXT in rollout.flags:
            self.failures.take_over(rollout)
            return
        if not self.failures.has_shown(rollout):
            self.recent.append(rollout)
        self.failures.add(rollout)
        self.rollouts_used += 1

    def _take_in(self, rollouts: tuple[Rollout, ...]) -> None:
        for rollout in paced(rollouts, every=TAKEN_AT_A_STRETCH):
            self._take(rollout)
        for candidate_id in dict.fromkeys(each.candidate_id for each in rollouts):
            if (known := self.candidates.get(candidate_id)) is not None and known.decision in POPULATION:
                self._rank(known)

    def _add(self, candidate: Candidate) -> None:
        self.candidates[candidate.id] = candidate
        if candidate.decision is not Decision.REFUSED:
            self.by_text.setdefault(candidate.text, []).append(candidate.id)
        self.last_id = max(self.last_id, candidate.id)
        text = fingerprint(candidate.text)
        self.tried[text] = max(self.tried.get(text, 0), self._bar(candidate))
        self.used[candidate.operator] += 1
        self.paid[candidate.operator] += candidate.decision is Decision.ACCEPTED
        self._evaluated |= candidate.compared > 0
        self._proposed += 1
        if candidate.decision in POPULATION:
            self.lines[candidate.id] = reduce(or_, (self.lines[each] for each in candidate.parents), 1 << candidate.id)
            self._rank(candidate)

    def _bar(self, candidate: Candidate) -> float:
        """Return how many examples must decide before the text may come again; if it was accepted or behind, never."""
        behind = (candidate.score or 0.0) < (candidate.parent_score or 0.0) - MARGIN
        if behind or candidate.decision in POPULATION:
            return inf
        return TELLS_MORE * sum((candidate.id, each.id) in self.rollouts for each in self.deciding)

    def _rank(self, candidate: Candidate) -> None:
        self.frontier.add(candidate.id, self.scores(candidate.id, self.task.validation))
        if self.task.pinned is not None and self.last_id in self.frontier:
            self.frontier.lead(self.last_id)  # a re-test is about the pinned prompt, whatever it scores

    def _complete(self, iteration: int) -> None:
        self.iteration, self.is_seeded = iteration, True
        self.failures.end_iteration()
        if self.reached_target:
            self.growths = ALL_GROWTHS
        if iteration == 0:  # the seed prompt's evaluation: nothing was proposed yet
            return
        was_cut = self._proposed < self.task.population
        self.dry_iterations, self.cut_iterations = (
            (0, 0) if self._evaluated else (self.dry_iterations + 1, self.cut_iterations + was_cut)
        )
        leader = self.frontier.leader()
        self.since_improvement = 0 if leader != self._leader_before else self.since_improvement + 1
        self._leader_before, self._evaluated, self._proposed = leader, False, 0
        self.growths += DOUBLING if self.dry_iterations else self.since_improvement > 0


def reaches_target(score: float | None, task: Task) -> bool:
    """Say whether a mean score is the one at which the task may end."""
    return score is not None and score >= task.budget.target_score - MARGIN


def fingerprint(text: str) -> bytes:
    """Return a hash that ignores case and spacing, so that trivial rewordings count as tried."""
    return sha256(" ".join(text.casefold().split()).encode()).digest()


def with_examples(task: Task, examples: tuple[Example, ...]) -> Task:
    """Return the task with examples in their default splits."""
    splits = divide(examples, default_sizes(len(examples)), seed=task.seed)
    return replace(task, train=splits.train, validation=splits.validation, test=splits.test)
