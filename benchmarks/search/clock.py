"""How long each search takes to the score that the reference reaches, when models take time: real threads and waits.

python -m benchmarks.search.clock --kind reported --seeds 8 --reference build/reference/bin/python --out docs/benchmarks
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.search.families import FIRST_SEED, families
from benchmarks.search.models import Models, Waits
from benchmarks.search.world import World

WAITS = Waits(target_s=0.05, judge_s=0.05, reflector_s=0.2)
THREADS = 10
ROLLOUTS = 600
SYSTEMS = ("ours", "reference")


def timed(trial: Mapping[str, Any], waits: Waits = WAITS) -> dict[str, Any]:
    """Return what would be returned when: seconds from the start, and the true score from then on."""
    models = Models(World(families(trial["kind"])[trial["family"]], trial["seed"]), waits)
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        _optimised(models, trial, pool)
    noted = [*zip(models.noted_at, (prompt for _, prompt in models.curve), strict=True)]
    points = [*noted, (time.perf_counter(), models.curve[-1][1])]
    curve = [(round(at - started, 3), round(models.world.normalised(prompt), 4)) for at, prompt in points]
    return {**trial, "rollouts": models.rollouts, "curve": curve}


def _optimised(models: Models, trial: Mapping[str, Any], pool: ThreadPoolExecutor) -> None:
    rollouts = trial.get("max_rollouts", ROLLOUTS)
    if trial["system"] == "ours":
        from benchmarks.search import ours

        ours.optimise(models, rollouts, lambda function, items: list(pool.map(function, items)))
    else:
        from benchmarks.search import reference

        reference.optimise(models, rollouts, trial["system"], pool)


def main() -> None:
    if "--trials" in sys.argv:
        for line in sys.stdin:
            print(json.dumps(timed(json.loads(line))), flush=True)
        return
    _run(_arguments())


def _run(asked: argparse.Namespace) -> None:
    """Time what is missing, one trial at a time, so that none waits for another's computing."""
    from benchmarks.search.records import Records
    from benchmarks.search.report import write_report
    from benchmarks.search.workers import carry_out

    records = Records(asked.out / f"clock-{asked.kind}.jsonl", module="clock")
    trials = [
        {"kind": asked.kind, "family": family, "system": system, "seed": FIRST_SEED[asked.kind] + n}
        for family in asked.families
        for n in range(asked.seeds)
        for system in SYSTEMS
    ]
    carry_out(records.missing(trials), module="clock", reference=asked.reference, processes=1, record=records.append)
    print(write_report(asked.out, asked.kind))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time the search beside the reference's thread-pooled run.")
    parser.add_argument("--kind", choices=list(FIRST_SEED), default="tuning")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--families", nargs="*", default=["additive", "conflict"])
    parser.add_argument("--reference", type=Path, default=Path("build/reference/bin/python"))
    parser.add_argument("--out", type=Path, default=Path("build/search"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
