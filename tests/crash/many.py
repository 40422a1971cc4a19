"""`make crash`: the crash tests many times over, at commits, random moments and freezes drawn by a seed."""

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tests.crash.courses import Faults
from tests.crash.harness import Outcome, References, through_faults
from tests.crash.mishaps import through_a_freeze, through_kills
from tests.crash.models import Models, models_served
from tests.crash.scenarios import LONGER, SCENARIOS, Scenario
from tests.crash.whole_server import through_server_kills

# About how many commits of a kind there are, in a job that runs for three iterations and in any other.
MOST = {"begin_call": 200, "end_call": 200, "record_step": 50, "decide_once": 9, "claim_job": 1, "finish_job": 1}
FEWER = {"begin_call": 60, "end_call": 60, "record_step": 12, "decide_once": 4}
FREEZES = ("begin_call", "end_call")


@dataclass(frozen=True, slots=True)
class Disturbed:
    """What became of a course, and how much it was disturbed."""

    course: str
    disturbances: int
    outcome: Outcome


Disturb = Callable[[random.Random, Path, Models], Disturbed]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="how many of each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=PHASES, help="one kind of disturbance")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, models_served() as models:
        references = References(Path(folder, "undisturbed"), models)
        phases = [name for name in PHASES if options.only in {None, name}]
        problems = [disturb_many(name, options, Path(folder), models, references) for name in phases]
    if any(problems):
        raise SystemExit(1)


def disturb_many(
    name: str, options: argparse.Namespace, folder: Path, models: Models, references: References
) -> int:  # fmt: skip
    """Disturb so many jobs, a few side by side where they mostly wait, and return how many problems there were."""
    disturb, at_once = PHASES[name]
    started = time.monotonic()
    tally: Counter[str] = Counter()

    def one(place: int) -> Disturbed:
        return disturb(random.Random(f"{options.seed}/{name}/{place}"), folder / f"{name}-{place}", models)

    with ThreadPoolExecutor(at_once) as pool:
        for place, found in enumerate(pool.map(one, range(options.times))):
            outcome = found.outcome
            tally.update(disturbances=found.disturbances, unknown=outcome.unknown, again=outcome.bought_again)
            for problem in outcome.problems(references[found.course]):
                tally["problems"] += 1
                print(f"{name} {place} ({found.course}): {problem}", flush=True)
    print(report(name, options.times, tally, time.monotonic() - started), flush=True)
    return tally["problems"]


def at_a_commit(choose: random.Random, folder: Path, models: Models) -> Disturbed:
    """Kill at any commit of the longest job, or as in one of the scenarios, but at other commits of a kind."""
    if choose.random() < 0.5:
        fault = redrawn(f"{choose.choice(list(MOST))}:1:{choose.choice(['before', 'after'])}:kill", choose, MOST)
        chosen = Scenario("iterations", Faults(runners=(fault,), sure=False))
    else:
        chosen = choose.choice([*SCENARIOS, *LONGER])
        runners, later = (
            tuple(redrawn(fault, choose, FEWER) for fault in faults)
            for faults in (chosen.faults.runners, chosen.faults.later)
        )
        chosen = replace(chosen, faults=replace(chosen.faults, runners=runners, later=later, sure=False))
    outcome = through_faults(folder, models, chosen.faults, course=chosen.course)
    return Disturbed(chosen.course, len(chosen.all_faults), outcome)


def redrawn(fault: str, choose: random.Random, most: dict[str, int]) -> str:
    kind, nth, rest = fault.split(":", 2)
    return f"{kind}:{choose.randint(1, most[kind]) if kind in most else nth}:{rest}"


def at_any_moment(choose: random.Random, folder: Path, models: Models) -> Disturbed:
    """Kill workers, or the whole server."""
    through = choose.choice([through_kills, through_server_kills])
    after_s = [choose.uniform(0.0, 0.4) for _ in range(choose.randint(1, 3))]
    return Disturbed("iterations", len(after_s), through(folder, models, after_s))


def by_a_freeze(choose: random.Random, folder: Path, models: Models) -> Disturbed:
    at = f"{choose.choice(FREEZES)}:{choose.randint(5, 150)}"
    return Disturbed("iterations", 1, through_a_freeze(folder, models, at=at))


# And how many are disturbed side by side.
PHASES: dict[str, tuple[Disturb, int]] = {"commit": (at_a_commit, 2), "moment": (at_any_moment, 2),
                                          "freeze": (by_a_freeze, 6)}  # fmt: skip


def report(name: str, times: int, tally: Counter[str], took_s: float) -> str:
    return (
        f"{times} jobs disturbed by {name}: {tally['disturbances']} disturbances, {tally['problems']} problems,"
        f" {tally['unknown']} calls of unknown outcome, {tally['again']} bought again, {took_s:.0f} s"
    )


if __name__ == "__main__":
    main()
