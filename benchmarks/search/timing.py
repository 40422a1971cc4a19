"""Trials against the clock, read from standard input line by line, each answered with one line of JSON."""

import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.search.families import families
from benchmarks.search.models import Models, Waits
from benchmarks.search.world import World

WAITS = Waits(target_s=0.05, judge_s=0.05, reflector_s=0.2)
ROLLOUTS = 600


def timed(trial: Mapping[str, Any]) -> dict[str, Any]:
    """Return what would be returned when: seconds from the start, and the true score from then on."""
    waits = Waits(**trial["waits"]) if "waits" in trial else WAITS
    models = Models(World(families(trial["kind"])[trial["family"]], trial["seed"]), waits)
    started = time.perf_counter()
    with ThreadPoolExecutor(trial["threads"]) as pool:
        _optimised(models, trial, pool)
    noted = zip(models.noted_at, (prompt for _, prompt in models.curve), strict=True)
    points = [*noted, (time.perf_counter(), models.curve[-1][1])]
    curve = [(round(at - started, 3), round(models.world.normalised(prompt), 4)) for at, prompt in points]
    return {**trial, "rollouts": models.rollouts, "curve": curve}


def _optimised(models: Models, trial: Mapping[str, Any], pool: ThreadPoolExecutor) -> None:
    rollouts = trial.get("max_rollouts", ROLLOUTS)
    if trial["system"] == "ours":
        from benchmarks.search import ours

        ours.optimise(models, rollouts, pool.map)
    else:
        from benchmarks.search import reference

        reference.optimise(models, rollouts, trial["system"], pool)


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(timed(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
