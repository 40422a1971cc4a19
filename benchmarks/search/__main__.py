"""Run the trials, two processes at a time, and write the raw results beside the report.

python -m benchmarks.search --kind reported --seeds 24 --reference build/reference/bin/python --out docs/benchmarks
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.search.ablations import IDEAS
from benchmarks.search.families import FIRST_SEED, families
from benchmarks.search.report import written

PROCESSES = 2
SYSTEMS = ("ours", "climb", "reference", "reference-greedy")


def main() -> None:
    asked = _arguments()
    systems = asked.systems or [*SYSTEMS, *(f"ours without {idea}" for idea in IDEAS)]
    trials = [
        {"kind": asked.kind, "family": family, "system": system, "seed": FIRST_SEED[asked.kind] + n}
        for family in asked.families or families(asked.kind)
        for system in systems
        for n in range(asked.seeds)
    ]
    results = _carried_out(trials, asked.reference)
    asked.out.mkdir(parents=True, exist_ok=True)
    raw = asked.out / f"search-{asked.kind}.jsonl"
    raw.write_text("".join(f"{json.dumps(each)}\n" for each in results), encoding="utf-8")
    report = written(results)
    (asked.out / f"search-{asked.kind}.md").write_text(report, encoding="utf-8")
    print(report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare optimisers on simulated tasks.")
    parser.add_argument("--kind", choices=list(FIRST_SEED), default="tuning")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--families", nargs="*")
    parser.add_argument("--systems", nargs="*")
    parser.add_argument("--reference", type=Path, default=Path("build/reference/bin/python"))
    parser.add_argument("--out", type=Path, default=Path("build/search"))
    return parser.parse_args()


def _carried_out(trials: Sequence[dict[str, Any]], reference: Path) -> list[dict[str, Any]]:
    """Return the results in the order of the trials, whichever environment each ran in."""
    numbered = [{**trial, "place": place} for place, trial in enumerate(trials)]
    theirs = [each for each in numbered if each["system"].startswith("reference")]
    own = [each for each in numbered if not each["system"].startswith("reference")]
    jobs = [(sys.executable, share) for share in _shares(own)] + [(str(reference), share) for share in _shares(theirs)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        results = [each for done in pool.map(lambda job: _in_process(*job), jobs) for each in done]
    ordered = sorted(results, key=lambda each: each["place"])
    return [{name: value for name, value in each.items() if name != "place"} for each in ordered]


def _shares(trials: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    yield from (trials[first::PROCESSES] for first in range(PROCESSES) if trials[first::PROCESSES])


def _in_process(python: str, trials: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    lines = "".join(f"{json.dumps(each)}\n" for each in trials)
    command = ["nice", "-n", "10", python, "-m", "benchmarks.search.trial"]
    env = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, check=True, text=True, env=env)
    return [json.loads(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    main()
