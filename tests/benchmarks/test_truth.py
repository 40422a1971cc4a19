"""The simulations know the truth: without a gain both prompts score alike, and what is claimed is counted as it is."""

import random

import pytest

from benchmarks.truth.comparisons import Setting, compared
from benchmarks.truth.jobs import Job, carried_out
from benchmarks.truth.kinds import KINDS, Kind, true_difference
from benchmarks.truth.report import report


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_without_a_gain_two_prompts_score_alike_and_with_one_the_other_is_better(kind: Kind) -> None:
    rng = random.Random(1)  # noqa: S311 - for repetition, not for secrets
    pairs = [kind.draw(rng, 0.0) for _ in range(20_000)]
    assert sum(other - seed for seed, other in pairs) / len(pairs) == pytest.approx(0, abs=0.01)
    assert all(0 <= score <= 1 for pair in pairs for score in pair)
    assert true_difference(kind, 0.0) == 0
    assert 0.04 < true_difference(kind, 0.15) < 0.16


def test_a_job_without_a_gain_has_a_champion_by_luck_alone_and_one_with_a_gain_finds_it() -> None:
    null, gaining = (carried_out(Job("zero_or_one", 60, 1, gains=gains)) for gains in (False, True))
    assert (null["champion_is_better"], null["gain"], null["n"]) == (False, 0.0, 20)
    assert (gaining["champion_is_better"], gaining["gain"], gaining["verdict"]) == (True, 0.6, "improved")


def test_the_report_counts_what_the_rows_say() -> None:
    rows = [compared(Setting(kind.name, 6, gain), 4) for kind in KINDS for gain in (0.0, 0.15)]
    rows += [carried_out(Job("tenths", 18, 1, gains=False)), carried_out(Job("graded", 18, 1, gains=True))]
    told = report(rows, command="make bench-truth")
    claimed = sum(row["verdict"] == "improved" for row in rows if row["part"] == "job" and row["gain"])
    assert f"`improved` is claimed in {claimed} of 1 jobs" in told
    assert told.count("| `skewed` |") == 2
