"""`make crash`: the crash tests many times over, at commits, random moments and freezes drawn by a seed."""

import argparse
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.crash.harness import (
    Models,
    Outcome,
    models_served,
    through_a_freeze,
    through_faults,
    through_kills,
    undisturbed,
)

COMMITS = {"begin_call": 200, "end_call": 200, "record_step": 55, "decide_once": 3, "claim_job": 1, "finish_job": 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="how many of each")
    parser.add_argument("--freezes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    choose = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, models_served() as models:
        reference = undisturbed(Path(folder, "reference"), models)
        tally: Counter[str] = Counter()
        for name, times in (("commit", options.times), ("moment", options.times), ("freeze", options.freezes)):
            started = time.monotonic()
            for place in range(times):
                outcome, kills = disturb(name, choose, Path(folder, f"{name}-{place}"), models)
                tally.update({f"{name} unknown": outcome.unknown, f"{name} bought again": outcome.bought_again})
                tally.update({f"{name} kills": kills})
                for problem in outcome.problems(reference, kills=kills):
                    tally[f"{name} problems"] += 1
                    print(f"{name} {place}: {problem}", flush=True)
            print(report(name, times, tally, time.monotonic() - started), flush=True)
    if any(count for what, count in tally.items() if what.endswith("problems")):
        raise SystemExit(1)


def disturb(name: str, choose: random.Random, folder: Path, models: Models) -> tuple[Outcome, int]:
    if name == "commit":
        kind = choose.choice(list(COMMITS))
        nth, moment = choose.randint(1, COMMITS[kind]), choose.choice(["before", "after"])
        return through_faults(folder, models, [f"{kind}:{nth}:{moment}:kill"]), 1
    if name == "moment":
        kills = choose.randint(1, 3)
        return through_kills(folder, models, [choose.uniform(0.0, 0.4) for _ in range(kills)]), kills
    return through_a_freeze(folder, models, nth=choose.randint(5, 150)), 1


def report(name: str, times: int, tally: Counter[str], took_s: float) -> str:
    return (
        f"{times} jobs disturbed by {name}: {tally[f'{name} kills']} disturbances,"
        f" {tally[f'{name} problems']} problems,"
        f" {tally[f'{name} unknown']} calls of unknown outcome, {tally[f'{name} bought again']} bought again,"
        f" {took_s:.0f} s"
    )


if __name__ == "__main__":
    main()
