"""What it is worth to count the judge's noise in acceptance: the same searches under a judge that errs, by margin.

python -m benchmarks.noise --seeds 24
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import mean, stdev

from benchmarks.search.families import FIRST_SEED, families
from benchmarks.search.models import Models
from benchmarks.search.ours import Ports, judged_in, task_of
from benchmarks.search.results import score_at
from benchmarks.search.trial import gate
from benchmarks.search.world import World
from gepa_next.gepa import acceptance
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.replies import SCORE_POINTS, JudgeReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Completion, ModelCall, Role

FAMILIES = ("additive", "noisy", "good")
MARGINS = (0.0, acceptance.NOISE_MARGIN, 0.5, 1.0)  # in standard errors of the judge's noise
_ANSWER = re.compile(r"<answer-(\w+)>\n(.*)\n</answer-\1>", re.DOTALL)


class JudgedPorts(Ports):
    """The models of a run whose judge is asked like the other two, and errs anew each time."""

    def model(self, call: ModelCall, /) -> Completion:
        """Answer as the simulated target, judge or reflector."""
        if call.role is not Role.JUDGE:
            return super().model(call)
        found = _ANSWER.search(call.messages[0].content)
        example = next(each for each in self.models.world.examples if each.id == call.key.split("/")[2])
        rng = self.models.stream(call.key)
        if found is None:
            raise LookupError("the question to the judge has no answer in it")
        score, feedback = self.models.world.judge(example.input, found[2], rng)
        return Completion(text="", reply=JudgeReply(feedback=feedback, score=round(SCORE_POINTS * score)))


def searched(family: str, seed: int, *, noise: float, margin: float) -> dict[str, float]:
    """Return how one search went: true scores on the way, and what was accepted."""
    kind = replace(families("reported")[family], judge_noise=noise)
    models = Models(World(kind, seed))
    run = Run(
        state=State(task_of(models, kind.max_rollouts)),
        model=JudgedPorts(models).model,
        fan_out=map,
        control=lambda _, reason=None: reason,
    )
    kept, acceptance.NOISE_MARGIN = acceptance.NOISE_MARGIN, margin
    try:
        for step in optimize(run):
            if step.delta.candidates:
                models.note(run.state.leader.text)
    finally:
        acceptance.NOISE_MARGIN = kept
    curve = {"curve": [(at, models.world.normalised(prompt)) for at, prompt in models.curve]}
    scores = {f"at {share}": score_at(curve, share * kind.max_rollouts) for share in (0.25, 0.5, 1.0)}
    known = run.state.noise
    return {**scores, **gate(models.world, judged_in(run.state)), "sd": (known.sd if known else None) or 0.0}


def row(family: str, noise: float, margin: float, found: Sequence[dict[str, float]]) -> str:
    """Return a line of the table."""
    cells = [family, f"{noise}", f"{mean(each['sd'] for each in found):.2f}", f"{margin}"]
    for name in ("at 0.25", "at 0.5", "at 1.0"):
        scores = [each[name] for each in found]
        cells.append(f"{mean(scores):.3f} ± {stdev(scores) / len(scores) ** 0.5:.3f}")
    cells += [f"{mean(each[name] for each in found):.1f}" for name in ("accepted", "worthless_accepted")]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    asked = argparse.ArgumentParser(description="Search under judges that err, with margins of several widths.")
    asked.add_argument("--seeds", type=int, default=24)
    asked.add_argument("--noises", type=float, nargs="*", default=[0.1, 0.2])
    asked.add_argument("--families", nargs="*", default=FAMILIES)
    asked.add_argument("--margins", type=float, nargs="*", default=MARGINS)
    chosen = asked.parse_args()
    head = ["family", "the judge errs by", "measured", "margin", "score at a quarter", "at half", "at the end"]
    head += ["accepted", "of them worthless"]
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for family in chosen.families:
        for noise in chosen.noises:
            for margin in chosen.margins:
                seeds = range(FIRST_SEED["reported"], FIRST_SEED["reported"] + chosen.seeds)
                found = [searched(family, seed, noise=noise, margin=margin) for seed in seeds]
                print(row(family, noise, margin, found), flush=True)


if __name__ == "__main__":
    main()
