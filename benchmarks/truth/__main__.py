"""How often a verdict is wrong, and an interval beside the truth, where the truth is known: make bench-truth."""

import argparse
import json
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path

from benchmarks.truth.comparisons import Setting, compared, settings
from benchmarks.truth.jobs import Job, carried_out, jobs
from benchmarks.truth.report import report

CHEAP = 5  # times as many repetitions of what takes no bootstrap
Piece = tuple[Setting | Job, int]


def _done(piece: Piece) -> dict[str, object]:
    what, repetitions = piece
    return carried_out(what) if isinstance(what, Job) else compared(what, repetitions)


def _pieces(jobs_of_a_kind: int, repetitions: int) -> Iterator[Piece]:
    for setting in settings():
        by_signs = setting.kind in {"zero_or_one", "seldom_wrong"}
        yield setting, repetitions * (CHEAP if by_signs else 1)
    for job in jobs(jobs_of_a_kind):
        yield job, 1


def main() -> None:
    """Run everything, write rows and report, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1000, help="of each comparison alone")
    parser.add_argument("--jobs", type=int, default=48, help="whole jobs of each kind")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    asked = parser.parse_args()
    pieces = list(_pieces(asked.jobs, asked.repetitions))
    with Pool(asked.processes) as pool:
        rows = list(pool.imap(_done, pieces))
    command = f"make bench-truth ARGS='--repetitions {asked.repetitions} --jobs {asked.jobs}'"
    told = report(rows, command=command)
    (asked.out / "truth.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    (asked.out / "truth.md").write_text(told)
    print(told)


if __name__ == "__main__":
    main()
