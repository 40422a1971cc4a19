"""Time each search to the score that the reference reaches, when models take time, and add it to the report.

python -m benchmarks.search.clock --kind reported --seeds 8 --reference build/reference/bin/python --out docs/benchmarks
"""

import argparse
import sys
from pathlib import Path

from benchmarks.search.families import FIRST_SEED
from benchmarks.search.records import Records
from benchmarks.search.report import write_report
from benchmarks.search.systems import DEFAULT, OURS
from benchmarks.search.timings import THREADS
from benchmarks.search.workers import carry_out

PROCESSES = 4  # that wait nearly all the time


def main() -> None:
    asked = _arguments()
    records = Records(asked.out / f"clock-{asked.kind}.jsonl", module="timing")
    trials = [
        {"kind": asked.kind, "family": family, "system": system, "seed": FIRST_SEED[asked.kind] + n, "threads": threads}
        for family in asked.families
        for n in range(asked.seeds)
        for threads in THREADS
        for system in (OURS, DEFAULT)
    ]
    missing = records.missing(trials)
    said = f"{len(missing)} of {len(trials)} trials to time; {records.dropped} results of other sources dropped"
    print(said, file=sys.stderr, flush=True)
    carry_out(missing, module="timing", reference=asked.reference, processes=PROCESSES, record=records.append)
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
