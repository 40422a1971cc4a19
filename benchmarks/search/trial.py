"""Trials: one optimiser on one task, read from standard input line by line, each answered with one line of JSON."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.search.families import families
from benchmarks.search.models import Judged, Models
from benchmarks.search.world import World

WORTHLESS = 0.002  # a proposal whose true score is not this much above its parent's gains nothing


def carried_out(trial: Mapping[str, Any]) -> dict[str, Any]:
    """Return the raw result of a trial: the curve of true scores over rollouts, and how proposals fared.

    The budget is that of the family, unless the trial states its own `max_rollouts`.
    """
    family = families(trial["kind"])[trial["family"]]
    max_rollouts = trial.get("max_rollouts", family.max_rollouts)
    models = Models(World(family, trial["seed"]))
    judged: list[Judged] = []
    failed = ""
    try:
        judged = _optimised(models, trial["system"], max_rollouts)
    except Exception as error:  # noqa: BLE001 - whoever fails has what was found until then
        failed = repr(error)
    curve = [(at, round(models.world.normalised(prompt), 4)) for at, prompt in models.curve]
    return {
        **trial,
        "max_rollouts": max_rollouts,
        "rollouts": models.rollouts,
        "reflections": models.reflections,
        "curve": [point for point in curve if point[0] <= max_rollouts],
        **gate(models.world, judged),
        **({"failed": failed} if failed else {}),
    }


def _optimised(models: Models, system: str, max_rollouts: int) -> list[Judged]:
    if system.startswith("reference"):
        from benchmarks.search import reference

        return reference.optimise(models, max_rollouts, system)
    if system == "climb":
        from benchmarks.search.climb import climb

        return climb(models, max_rollouts)
    from benchmarks.search import ours
    from benchmarks.search.ablations import without

    with without(system.removeprefix("ours").removeprefix(" without ")):
        return ours.optimise(models, max_rollouts)


def gate(world: World, judged: list[Judged]) -> dict[str, int]:
    """Count the proposals that gain nothing in truth, and those of them that were accepted."""
    worthless = [each for each in judged if world.true_score(each.prompt) <= world.true_score(each.parent) + WORTHLESS]
    return {
        "proposals": len(judged),
        "accepted": sum(each.accepted for each in judged),
        "worthless": len(worthless),
        "worthless_accepted": sum(each.accepted for each in worthless),
    }


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(carried_out(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
