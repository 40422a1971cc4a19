"""What it is worth to count the judge's noise in acceptance: the same searches under a judge that errs, by margin.

It writes the raw results as JSON lines, one search a line, and beside them the table that is made of them:
make bench-noise. The tasks are those for tuning, for the engine's margin is chosen by them.
"""

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from multiprocessing import Pool
from pathlib import Path
from statistics import mean, stdev
from typing import Any

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

KIND = "tuning"
FAMILIES = ("additive", "noisy", "good", "conflict")
NOISES = (0.1, 0.2)
MARGINS = (0.0, 0.25, 0.5, 1.0)  # in standard errors of the judge's noise
SHARES = (0.25, 0.5, 1.0)
PROCESSES = 2
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
    kind = replace(families(KIND)[family], judge_noise=noise)
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
    scores = {f"at {share}": score_at(curve, share * kind.max_rollouts) for share in SHARES}
    known = run.state.noise
    return {**scores, **gate(models.world, judged_in(run.state)), "sd": (known.sd if known else None) or 0.0}


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return the table: by family, noise and margin, and what each margin changes on the same seeds."""
    head = ["family", "the judge errs by", "measured", "margin"]
    head += [f"score at {share} of the budget, less that without a margin" for share in SHARES]
    head += ["accepted", "of them worthless"]
    rows = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for family, noise in product(FAMILIES, NOISES):
        found = [each for each in results if (each["family"], each["noise"]) == (family, noise)]
        plain = _by_seed(found, 0.0)
        rows += [_row(_by_seed(found, margin), plain) for margin in MARGINS if _by_seed(found, margin)]
    return "# Margins for a judge that errs\n\n" + "\n".join(rows) + "\n"


def _by_seed(results: Sequence[dict[str, Any]], margin: float) -> dict[int, dict[str, Any]]:
    return {each["seed"]: each for each in results if each["margin"] == margin}


def _row(found: dict[int, dict[str, Any]], plain: dict[int, dict[str, Any]]) -> str:
    some = next(iter(found.values()))
    cells = [some["family"], f"{some['noise']}", f"{mean(each['sd'] for each in found.values()):.2f}"]
    cells.append(f"{some['margin']}")
    for name in (f"at {share}" for share in SHARES):
        score = mean(each[name] for each in found.values())
        changes = [each[name] - plain[seed][name] for seed, each in found.items()]
        error = stdev(changes) / len(changes) ** 0.5
        cells.append(f"{score:.3f}" + (f", {mean(changes):+.3f} ± {error:.3f}" if some["margin"] else ""))
    cells += [f"{mean(each[name] for each in found.values()):.1f}" for name in ("accepted", "worthless_accepted")]
    return f"| {' | '.join(cells)} |"


def _carried_out(trial: tuple[str, float, float, int]) -> dict[str, Any]:
    family, noise, margin, seed = trial
    done = searched(family, seed, noise=noise, margin=margin)
    return {"family": family, "noise": noise, "margin": margin, "seed": seed, **done}


def main() -> None:
    asked = argparse.ArgumentParser(description="Search under judges that err, with margins of several widths.")
    asked.add_argument("--seeds", type=int, default=24)
    asked.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    chosen = asked.parse_args()
    first = FIRST_SEED[KIND]
    trials = list(product(FAMILIES, NOISES, MARGINS, range(first, first + chosen.seeds)))
    with Pool(PROCESSES) as pool, (chosen.out / "noise.jsonl").open("w", encoding="utf-8") as file:
        results = []
        for done in pool.imap(_carried_out, trials):
            results.append(done)
            file.write(f"{json.dumps(done)}\n")
            file.flush()
    (chosen.out / "noise.md").write_text(table(results), encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
