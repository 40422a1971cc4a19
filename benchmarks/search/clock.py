"""How long each search takes to the score that the reference reaches, when models take time: real threads and waits.

python -m benchmarks.search.clock --reference build/reference/bin/python --seeds 8
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.search.families import FIRST_SEED, families
from benchmarks.search.models import Models, Waits
from benchmarks.search.world import World

WAITS = Waits(target_s=0.05, judge_s=0.05, reflector_s=0.2)
THREADS = 10
ROLLOUTS = 600  # of the reference
COARSEST = 0.01


def timed(trial: dict[str, Any]) -> list[tuple[float, float]]:
    """Return what would be returned when: seconds from the start, and the true score from then on."""
    models = Models(World(families(trial["kind"])[trial["family"]], trial["seed"]), WAITS)
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        if trial["system"] == "reference":
            from benchmarks.search import reference

            reference.optimise(models, ROLLOUTS, "reference", pool)
        else:
            from benchmarks.search import ours

            ours.optimise(models, ROLLOUTS, lambda function, items: list(pool.map(function, items)))
    ended = (time.perf_counter() - started, models.world.normalised(models.curve[-1][1]))
    noted = zip(models.noted_at, models.curve, strict=True)
    return [*((at - started, models.world.normalised(prompt)) for at, (_, prompt) in noted), ended]


def reached_at(curve: list[tuple[float, float]], score: float) -> float:
    """Return the seconds after which the score is held to the end, infinity if never."""
    first = float("inf")
    for at, value in reversed(curve):
        if value < score - COARSEST:
            break
        first = at
    return first


def main() -> None:
    asked = _arguments()
    if asked.trial:
        print(json.dumps(timed(json.loads(asked.trial))))
        return
    print("| family | the reference ends at | after s | ours has that after s | times faster (median) |")
    print("| --- | --- | --- | --- | --- |")
    for family in asked.families or families(asked.kind):
        rows = [_row(asked, family, FIRST_SEED[asked.kind] + n) for n in range(asked.seeds)]
        score, theirs, mine, ratio = (median(row[at] for row in rows) for at in range(4))
        print(f"| {family} | {score:.2f} | {theirs:.1f} | {mine:.1f} | {ratio:.1f} |", flush=True)


def _row(asked: argparse.Namespace, family: str, seed: int) -> tuple[float, float, float, float]:
    trial = {"kind": asked.kind, "family": family, "seed": seed}
    theirs = _in_process(asked.reference, {**trial, "system": "reference"})
    mine = _in_process(sys.executable, {**trial, "system": "ours"})
    seconds, score = theirs[-1]
    reached = reached_at(mine, score)
    return score, seconds, reached, seconds / reached


def _in_process(python: str | Path, trial: dict[str, Any]) -> list[tuple[float, float]]:
    command = [str(python), "-m", "benchmarks.search.clock", "--trial", json.dumps(trial)]
    env = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=env)
    return [(float(at), float(score)) for at, score in json.loads(done.stdout)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time the search beside the reference's thread-pooled run.")
    parser.add_argument("--kind", choices=list(FIRST_SEED), default="tuning")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--families", nargs="*")
    parser.add_argument("--reference", type=Path, default=Path("build/reference/bin/python"))
    parser.add_argument("--trial")
    return parser.parse_args()


if __name__ == "__main__":
    main()
