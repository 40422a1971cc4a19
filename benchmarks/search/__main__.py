"""Run the trials that are missing, two processes at a time, append the raw results, and make the report of them.

python -m benchmarks.search --kind reported --seeds 24 --reference build/reference/bin/python --out docs/benchmarks
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.search.families import FIRST_SEED, families
from benchmarks.search.records import Records
from benchmarks.search.report import write_report
from benchmarks.search.systems import ALL_SETTINGS, COMPARED
from benchmarks.search.workers import carry_out

PROCESSES = 2


def main() -> None:
    asked = _arguments()
    records = Records(asked.out / f"search-{asked.kind}.jsonl", module="trial")
    trials = list(_trials(asked))
    missing = records.missing(trials)
    said = f"{len(missing)} of {len(trials)} trials to run; {records.dropped} results of other sources dropped"
    print(said, file=sys.stderr, flush=True)
    carry_out(missing, module="trial", reference=asked.reference, processes=PROCESSES, record=records.append)
    print(write_report(asked.out, asked.kind))


def _trials(asked: argparse.Namespace) -> list[dict[str, Any]]:
    return [
        {"kind": asked.kind, "family": family, "system": system, "seed": FIRST_SEED[asked.kind] + n}
        for family in asked.families or families(asked.kind)
        for system in asked.systems or (ALL_SETTINGS if asked.settings else COMPARED)
        for n in range(asked.seeds)
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare optimisers on simulated tasks.")
    parser.add_argument("--kind", choices=list(FIRST_SEED), default="tuning")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--families", nargs="*")
    parser.add_argument("--systems", nargs="*")
    parser.add_argument("--settings", action="store_true", help="compare all settings of the reference instead")
    parser.add_argument("--reference", type=Path, default=Path("build/reference/bin/python"))
    parser.add_argument("--out", type=Path, default=Path("build/search"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
