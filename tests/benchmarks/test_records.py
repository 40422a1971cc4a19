"""Raw results survive a run that is broken off, and never mix two engines."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks.search.records import Records, read
from benchmarks.search.workers import Worker, carry_out
from tests.benchmarks.reference import PYTHON

TRIALS = [{"kind": "tuning", "family": "few", "system": "climb", "seed": seed} for seed in (1, 2, 3)]


def begun(path: Path) -> Records:
    records = Records(path, module="trial")
    records.missing(TRIALS)
    return records


def test_what_is_in_the_file_is_not_run_again(tmp_path: Path) -> None:
    begun(tmp_path / "raw.jsonl").append(TRIALS[1])
    assert Records(tmp_path / "raw.jsonl", module="trial").missing(TRIALS) == [TRIALS[0], TRIALS[2]]


def test_a_line_that_a_kill_cut_off_is_run_again(tmp_path: Path) -> None:
    path = tmp_path / "raw.jsonl"
    records = begun(path)
    records.append(TRIALS[0])
    records.append(TRIALS[1])
    path.write_text(path.read_text()[:-9])
    again = Records(path, module="trial")
    assert again.missing(TRIALS) == TRIALS[1:]
    again.append(TRIALS[1])
    assert [each["seed"] for each in read(path)] == [1, 2]


def test_results_of_other_sources_are_dropped_and_run_again(tmp_path: Path) -> None:
    path = tmp_path / "raw.jsonl"
    begun(path).append(TRIALS[0])
    path.write_text(
        path.read_text() + json.dumps({**TRIALS[1], "made_by": "another"}) + "\n" + json.dumps(TRIALS[2]) + "\n"
    )
    again = Records(path, module="trial")
    assert (again.dropped, again.missing(TRIALS)) == (2, TRIALS[1:])
    assert [each["seed"] for each in read(path)] == [1]


def test_results_are_recorded_as_they_come_and_kept_when_a_later_trial_breaks(tmp_path: Path) -> None:
    records = begun(tmp_path / "raw.jsonl")
    broken = [TRIALS[0], {**TRIALS[1], "family": "no such family"}, TRIALS[2]]
    with pytest.raises(RuntimeError, match="no such family"):
        carry_out(broken, module="trial", reference=PYTHON, processes=1, record=records.append)
    assert [each["seed"] for each in read(tmp_path / "raw.jsonl")] == [1]


def ran(out: Path) -> "subprocess.CompletedProcess[str]":
    asked = ["--kind", "tuning", "--systems", "ours", "climb", "--families", "few", "--seeds", "2", "--out", str(out)]
    command = [sys.executable, "-m", "benchmarks.search", *asked]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_runs_what_is_missing_and_makes_the_report_of_the_file_alone(tmp_path: Path) -> None:
    first, raw = ran(tmp_path), tmp_path / "search-tuning.jsonl"
    lines: list[dict[str, Any]] = sorted(read(raw), key=lambda each: (each["system"], each["seed"]))
    assert [(each["system"], each["seed"]) for each in lines] == [("climb", 1), ("climb", 2), ("ours", 1), ("ours", 2)]
    assert "4 of 4 trials to run" in first.stderr
    raw.write_text("".join(f"{json.dumps(each)}\n" for each in lines[:3]))
    again = ran(tmp_path)
    assert "1 of 4 trials to run" in again.stderr
    assert again.stdout == first.stdout == (tmp_path / "search-tuning.md").read_text() + "\n"
    assert "| few | ours |" in again.stdout


def test_a_process_that_ends_says_so() -> None:
    with (
        closing(Worker(Path(sys.executable), "no_such_module")) as worker,
        pytest.raises(RuntimeError, match="ended with 1"),
    ):
        worker.carry_out(TRIALS[0])
