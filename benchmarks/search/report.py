"""The report: Markdown made from raw results and nothing else.

python -m benchmarks.search.report docs/benchmarks/search-reported.jsonl
"""

import json
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from pathlib import Path
from statistics import mean, median, quantiles, stdev
from typing import Any

Result = Mapping[str, Any]
SHARES = (0.125, 0.25, 0.5, 1.0)  # of a family's budget
RESAMPLES = 2000
OURS = "ours"
DEFAULT = "reference"
COARSEST = 0.01


def score_at(result: Result, rollouts: float) -> float:
    """Return the normalised true score of what would be returned after so many rollouts."""
    return next((float(score) for at, score in reversed(result["curve"]) if at <= rollouts), 0.0)


def reached_at(result: Result, score: float) -> float:
    """Return the rollouts after which the score is held to the end, infinity if never."""
    first = float("inf")
    for at, value in reversed(result["curve"]):
        if value < score - COARSEST:
            break
        first = at
    return float(first)


def written(results: Sequence[Result]) -> str:
    """Return the whole report."""
    families = list(dict.fromkeys(each["family"] for each in results))
    systems = [each for each in dict.fromkeys(r["system"] for r in results) if not each.startswith("ours without")]
    parts = [_scores(results, families, systems), _speed(results, families, systems)]
    parts += [_against(results, families, systems), _gates(results, families, systems), _ablations(results, families)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _scores(results: Sequence[Result], families: Sequence[str], systems: Sequence[str]) -> str:
    rows = []
    for family in families:
        for system in systems:
            mine = _of(results, family, system)
            total = mine[0]["max_rollouts"]
            at = [f"{median(score_at(each, share * total) for each in mine):.2f}" for share in SHARES]
            final = [score_at(each, total) for each in mine]
            low, _, high = quantiles(final, n=4)
            worse = sum(score < -COARSEST for score in final)
            rows.append(
                [family, system, *at, f"{low:.2f}-{high:.2f}", f"{mean(final):.3f} ± {_error(final):.3f}", f"{worse}"]
            )
            rows[-1].append(str(sum("failed" in each for each in mine)))
    head = ["family", "system", *(f"at {share:.3g} of the budget" for share in SHARES)]
    return "## Scores\n\n" + _table(
        [*head, "quartiles at the end", "mean ± standard error", "worse than seed", "failed"], rows
    )


def _speed(results: Sequence[Result], families: Sequence[str], systems: Sequence[str]) -> str:
    if DEFAULT not in systems:
        return ""
    rows = []
    for family in families:
        goal = median(score_at(each, each["max_rollouts"]) for each in _of(results, family, DEFAULT))
        reached = [median(reached_at(each, goal) for each in _of(results, family, system)) for system in systems]
        rows.append([family, f"{goal:.2f}", *(f"{each:.0f}" for each in reached)])
    head = ["family", "the reference's median score at the end", *systems]
    return "## Rollouts to the score at which the reference ends (median)\n\n" + _table(head, rows)


def _against(results: Sequence[Result], families: Sequence[str], systems: Sequence[str]) -> str:
    others = [each for each in systems if each != OURS]
    if OURS not in systems or not others:
        return ""
    rows = []
    for family in families:
        for other in others:
            cells = []
            for share in SHARES:
                differences = _paired(results, family, OURS, other, share)
                low, high = _interval(differences)
                cells.append(f"{mean(differences):+.3f} [{low:+.3f}, {high:+.3f}]{' **worse**' if high < 0 else ''}")
            rows.append([family, other, *cells])
    head = ["family", "against", *(f"at {share:.3g} of the budget" for share in SHARES)]
    return "## Ours minus another, paired by seed, with 95 % interval\n\n" + _table(head, rows)


def _gates(results: Sequence[Result], families: Sequence[str], systems: Sequence[str]) -> str:
    rows = []
    for family in families:
        cells = []
        for system in systems:
            mine = _of(results, family, system)
            worthless = sum(each["worthless"] for each in mine)
            wrongly = sum(each["worthless_accepted"] for each in mine)
            cells.append(f"{100 * wrongly / max(1, worthless):.0f} % of {worthless / len(mine):.0f}")
        rows.append([family, *cells])
    return "## Worthless proposals that were accepted\n\n" + _table(["family", *systems], rows)


def _ablations(results: Sequence[Result], families: Sequence[str]) -> str:
    systems = [each for each in dict.fromkeys(r["system"] for r in results) if each.startswith("ours without")]
    if not systems:
        return ""
    rows = []
    for system in systems:
        pooled = {share: [_paired(results, family, OURS, system, share) for family in families] for share in SHARES}
        cells = [f"{mean(mean(each) for each in pooled[share]):+.3f}" for share in SHARES]
        # A trial's readings are not independent of one another: first their mean, then the trials are drawn again.
        by_trial = [
            value for trials in zip(*(pooled[share] for share in SHARES[1:]), strict=True) for value in _means(trials)
        ]
        low, high = _interval(by_trial)
        rows.append([system.removeprefix("ours without "), *cells, f"[{low:+.3f}, {high:+.3f}]"])
        rows[-1] += [f"{mean(_paired(results, family, OURS, system, 0.5)):+.3f}" for family in families]
    head = ["idea", *(f"at {share:.3g}" for share in SHARES), "95 % interval, from 0.25 on"]
    title = "## What each idea is worth: ours minus ours without it, mean over families; by family at half the budget"
    return f"{title}\n\n" + _table([*head, *families], rows)


def _of(results: Sequence[Result], family: str, system: str) -> list[Result]:
    return [each for each in results if each["family"] == family and each["system"] == system]


def _paired(results: Sequence[Result], family: str, one: str, other: str, share: float) -> list[float]:
    """Return the differences by seed at a share of the budget."""
    theirs = {each["seed"]: each for each in _of(results, family, other)}
    return [
        score_at(each, share * each["max_rollouts"]) - score_at(theirs[each["seed"]], share * each["max_rollouts"])
        for each in _of(results, family, one)
    ]


def _means(readings: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean of each trial's readings."""
    return [mean(trial) for trial in zip(*readings, strict=True)]


def _interval(values: Sequence[float]) -> tuple[float, float]:
    rng = random.Random(1)
    means = sorted(mean(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES)]


def _error(values: Sequence[float]) -> float:
    return stdev(values) / sqrt(len(values))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(written([json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]), end="")
