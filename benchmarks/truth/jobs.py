"""Whole jobs on the real engine: no proposal can be better than the seed prompt, or some are, by a known gain."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.truth.kinds import KINDS
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.smallest_gain import ASSUMED_SD, smallest_gain
from gepa_next.gepa.splits import default_sizes, divide
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Budget, Completion, Example, ModelCall, Role, Task, Verdict

EXAMPLES = (18, 24, 36, 60, 120, 200)
BETTER = "With care."
GAINED = ("zero_or_one", "graded")
Score = Callable[[random.Random, bool], float]


@dataclass(frozen=True)
class Job:
    """One job: what kind of scores, how many examples, which seed, and whether a proposal can be better."""

    kind: str
    examples: int
    seed: int
    gains: bool


def jobs(each_kind: int) -> list[Job]:
    """Return so many jobs of every kind without a gain, and of two kinds with one."""
    found = []
    for seed in range(each_kind):
        size = EXAMPLES[seed % len(EXAMPLES)]
        found += [Job(kind.name, size, seed, gains=False) for kind in KINDS]
        found += [Job(kind, size, seed, gains=True) for kind in GAINED]
    return sorted(found, key=lambda each: -each.examples)


class World:
    """The models and the metric of one job; a score depends on the candidate, the example and the seed alone."""

    def __init__(self, job: Job, score: Score) -> None:
        self._job, self._score = job, score

    def __call__(self, call: ModelCall) -> Completion:
        if call.role is Role.TARGET:
            better = any(BETTER in message.content for message in call.messages)
            return Completion(text=f"{call.key} {better}")
        number = int(call.key.rpartition("/")[2])
        text = f"{BETTER} " if self._job.gains and number % 3 == 0 else ""
        lesson = f"Word {number} matters, and so does {number * 7}."
        if call.reply_type is AdditionReply:
            return Completion(text="", reply=AdditionReply(lesson=lesson, addition=f"{text}Variant {number}."))
        return Completion(text="", reply=PromptReply(lesson=lesson, prompt=f"Answer well. {text}Variant {number}."))

    def metric(self, example: Example, output: str) -> Verdict:
        """Return the score of an output, as good or bad luck and the prompt have it."""
        key, _, better = output.rpartition(" ")
        rng = random.Random(f"{self._job}/{key}/{example.id}")  # noqa: S311 - for repetition, not for secrets
        return Verdict(score=self._score(rng, better == "True"), feedback="Luck.")


def carried_out(job: Job) -> dict[str, object]:
    """Run the job to its end and return what it claims."""
    examples = tuple(Example(id=f"e{n}", input=f"Question {n}") for n in range(job.examples))
    splits = divide(examples, default_sizes(len(examples)), seed=job.seed)
    gain = _gain(job, len(splits.test))
    world = World(job, _score(job, gain))
    task = Task(
        prompt="Answer well.",
        train=splits.train,
        validation=splits.validation,
        test=splits.test,
        budget=Budget(max_rollouts=20_000),
        seed=job.seed,
        iterations=8,
        population=4,
    )
    run = Run(state=State(task), model=world, fan_out=map, control=lambda _, reason=None: reason, metric=world.metric)
    *_, last = optimize(run)
    champion = run.state.leader
    return {
        "part": "job",
        "kind": job.kind,
        "gain": gain,
        "examples": job.examples,
        "seed": job.seed,
        "n": len(splits.test),
        "champion": champion.id,
        "champion_is_better": BETTER in champion.text,
        "accepted": sum(each.decision == "accepted" for each in run.state.candidates.values()),
        "verdict": last.data["verdict"],
        "returned": last.data["candidate_id"],
    }


def _gain(job: Job, n: int) -> float:
    """Return twice the smallest gain that so many examples could show, 1 at most; 0 in a job without one."""
    if not job.gains:
        return 0.0
    least = smallest_gain(n)
    return min(1.0, 2 * ((least.zero_or_one if job.kind == "zero_or_one" else least.graded) or 0.5))


def _score(job: Job, gain: float) -> Score:
    if not job.gains:
        draw = next(kind for kind in KINDS if kind.name == job.kind).draw
        return lambda rng, _: draw(rng, 0.0)[1]
    if job.kind == "zero_or_one":  # what the seed prompt answers rightly the other does too
        return lambda rng, better: float(better and rng.random() < gain)
    middle, spread = 0.5 - gain / 2, ASSUMED_SD / 2**0.5  # so that the difference has the spread that is assumed
    return lambda rng, better: min(1.0, max(0.0, rng.gauss(middle + gain * better, spread)))
