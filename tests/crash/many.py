"""`make crash`: the crash tests many times over, at commits, random moments and freezes drawn by a seed."""

import argparse
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.crash.harness import (
    Account,
    Models,
    Outcome,
    models_served,
    through_a_freeze,
    through_faults,
    through_kills,
    undisturbed,
)

PHASES = (("commit", 2), ("moment", 2), ("freeze", 6))  # and how many are disturbed side by side
FREEZES = ("begin_call", "end_call")
COMMITS = {"begin_call": 200, "end_call": 200, "record_step": 55, "decide_once": 3, "claim_job": 1, "finish_job": 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="how many of each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["commit", "moment", "freeze"], help="one kind of disturbance")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, models_served() as models:
        reference = undisturbed(Path(folder, "reference"), models)
        phases = [each for each in PHASES if options.only in {None, each[0]}]
        problems = [
            disturb_many(name, options, Stages(Path(folder), reference), at_once=at_once) for name, at_once in phases
        ]
    if any(problems):
        raise SystemExit(1)


@dataclass(frozen=True, slots=True)
class Stages:
    folder: Path
    reference: Account


def disturb_many(name: str, options: argparse.Namespace, stages: Stages, *, at_once: int) -> int:
    """Disturb so many jobs, a few side by side where they mostly wait, and return how many problems there were."""
    started = time.monotonic()
    seeds = [random.Random(f"{options.seed}/{name}/{place}") for place in range(options.times)]
    tally: Counter[str] = Counter()
    with ThreadPoolExecutor(at_once) as pool:

        def one(place: int) -> tuple[Outcome, int]:
            # A model server each, because it counts requests by their ids, and they are the same in every stage.
            with models_served() as models:
                models.answer_after(0.05 if name == "freeze" else 0.0)
                return disturb(name, seeds[place], stages.folder / f"{name}-{place}", models)

        for outcome, kills in pool.map(one, range(options.times)):
            tally.update(unknown=outcome.unknown, again=outcome.bought_again, kills=kills)
            for problem in outcome.problems(stages.reference, kills=kills):
                tally["problems"] += 1
                print(f"{name}: {problem}", flush=True)
    print(report(name, options.times, tally, time.monotonic() - started), flush=True)
    return tally["problems"]


def disturb(name: str, choose: random.Random, folder: Path, models: Models) -> tuple[Outcome, int]:
    if name == "commit":
        kind = choose.choice(list(COMMITS))
        nth, moment = choose.randint(1, COMMITS[kind]), choose.choice(["before", "after"])
        return through_faults(folder, models, [f"{kind}:{nth}:{moment}:kill"]), 1
    if name == "moment":
        kills = choose.randint(1, 3)
        return through_kills(folder, models, [choose.uniform(0.0, 0.4) for _ in range(kills)]), kills
    return through_a_freeze(folder, models, at=f"{choose.choice(FREEZES)}:{choose.randint(5, 150)}"), 1


def report(name: str, times: int, tally: Counter[str], took_s: float) -> str:
    return (
        f"{times} jobs disturbed by {name}: {tally['kills']} disturbances, {tally['problems']} problems,"
        f" {tally['unknown']} calls of unknown outcome, {tally['again']} bought again, {took_s:.0f} s"
    )


if __name__ == "__main__":
    main()
