"""Searches run against the clock with real threads and waits, and what was timed is not timed again."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.search.records import Records
from benchmarks.search.timing import timed
from benchmarks.search.timings import THREADS
from benchmarks.search.workers import Worker
from tests.benchmarks.reference import PYTHON, needed

WAITS = {"target_s": 0.006, "judge_s": 0.006, "reflector_s": 0.02}
TRIAL = {"kind": "tuning", "family": "few", "seed": 1, "threads": 1, "waits": WAITS, "max_rollouts": 120}


def holds_together(found: dict[str, Any]) -> None:
    times, scores = zip(*found["curve"], strict=True)
    assert list(times) == sorted(times)
    assert scores[0] == 0
    assert scores[-1] > 0
    assert times[-1] > found["rollouts"] * (WAITS["target_s"] + WAITS["judge_s"])


def test_ours_is_timed_with_the_waits_of_its_models() -> None:
    found = timed({**TRIAL, "system": "ours"})
    assert 60 < found["rollouts"] <= 120
    holds_together(found)


@needed
def test_the_reference_is_timed_with_the_same() -> None:
    with closing(Worker(PYTHON, "timing")) as worker:
        found = worker.carry_out({**TRIAL, "system": "reference"})
    assert found["rollouts"] >= 120
    holds_together(found)


def test_what_was_timed_is_not_timed_again_and_makes_the_report(tmp_path: Path) -> None:
    curves = {"ours": [(0.1, 0.0), (2.0, 0.6), (3.0, 0.6)], "reference": [(0.1, 0.0), (8.0, 0.5), (9.0, 0.5)]}
    trial = {"kind": "tuning", "family": "few", "seed": 1}
    lines = [{**trial, "system": s, "threads": n, "curve": curves[s]} for s in curves for n in THREADS]
    records = Records(tmp_path / "clock-tuning.jsonl", module="timing")
    records.missing(lines)
    for line in lines:
        records.append(line)
    asked = ["--families", "few", "--seeds", "1", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.search.clock", *asked]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "0 of 4 trials to time" in ran.stderr
    assert "| few | 10 | 1 | 0.50 | 9.0 | 2.0 | 4.5 | 4.5-4.5 | 4.0 |" in ran.stdout
