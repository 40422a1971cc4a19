"""The report is made of raw results alone, and answers each target by name; what is broken is seen in it."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.search.families import FIRST_SEED, REPORTED, families
from benchmarks.search.report import write_report, written
from benchmarks.search.results import Results
from benchmarks.search.systems import CLIMB, DEFAULT, GREEDY, OURS
from benchmarks.search.targets import answered
from benchmarks.search.timings import THREADS, Timings
from benchmarks.search.trial import carried_out
from gepa_next.gepa import iteration

Curve = list[tuple[float, float]]
SEEDS = 12
BUDGET = 1000
NEVER_WORSE = "never significantly worse than the best of reference, its greedy setting and climb, on any family"
NAMES_OF_CLOCK = [
    f"`{family}`: 4 times faster to the reference's score than its run, {threads} threads each"
    for family in ("additive", "conflict")
    for threads in THREADS
]


def result(family: str, system: str, seed: int, curve: Curve, **more: Any) -> dict[str, Any]:
    counts = {"reflections": 40 + 2 * seed, "proposals": 50, "accepted": 10, "worthless": 40, "worthless_accepted": 2}
    trial = {"kind": "reported", "family": family, "system": system, "seed": seed, "max_rollouts": BUDGET}
    return {**trial, "curve": curve, **counts, "made_by": "of the test", **more}


def rising(end: float, at: int, seed: int) -> Curve:
    """Return a curve that is halfway at once and has its end after so many rollouts, a little otherwise by seed."""
    off = (seed * 7 % SEEDS / SEEDS - 0.5) / 25
    return [(30, 0.0), (60, end / 2), (at, end + off)]


def good_results() -> Iterator[dict[str, Any]]:
    for family in families("reported"):
        for seed in range(SEEDS):
            yield result(family, OURS, seed, rising(0.9, 200, seed))
            yield result(family, DEFAULT, seed, rising(0.7, 800, seed))
            yield result(family, GREEDY, seed, rising(0.75, 600, seed))
            yield result(family, CLIMB, seed, rising(0.72, 700, seed))


def timed(ours_at: float) -> list[dict[str, Any]]:
    curves = {OURS: [(0.1, 0.0), (ours_at, 0.8), (9.0, 0.9)], DEFAULT: [(0.1, 0.0), (15.0, 0.7), (20.0, 0.7)]}
    return [
        result(f, system, s, list(curves[system]), threads=threads)
        for f in ("additive", "conflict")
        for system in curves
        for threads in THREADS
        for s in (1, 2)
    ]


def answers(trials: Iterable[dict[str, Any]], timings: Iterable[dict[str, Any]] = ()) -> str:
    return answered(Results(trials), Timings(timings))


def verdicts(report: str) -> dict[str, str]:
    """Return pass or fail by the name of the target."""
    rows = [line.split(" | ") for line in report.split("## Targets")[1].split("\n\n")[1].splitlines()[2:]]
    return {row[0].removeprefix("| "): row[1] for row in rows}


def changed(change: Callable[[dict[str, Any]], dict[str, Any]], family: str, system: str = OURS) -> str:
    return answers(
        (change(each) if (each["family"], each["system"]) == (family, system) else each for each in good_results()),
        timed(4.0),
    )


def failed(report: str) -> list[str]:
    return [name for name, verdict in verdicts(report).items() if verdict == "**FAIL**"]


def test_every_target_passes_where_all_is_well() -> None:
    found = verdicts(answers(good_results(), timed(4.0)))
    assert set(found.values()) == {"pass"}
    assert len(found) == 11


def test_what_was_not_measured_is_said_to_be_so() -> None:
    found = verdicts(answers([each for each in good_results() if each["system"] == OURS]))
    assert [name for name, verdict in found.items() if verdict == "not measured"] == [
        "`additive`: half the rollouts of the reference's default to its score",
        "`conflict`: half the rollouts of the reference's default to its score",
        f"{NEVER_WORSE}, at the end",
        f"{NEVER_WORSE}, at an eighth, a quarter and half of the budget",
        *NAMES_OF_CLOCK,
    ]


@pytest.mark.parametrize(
    ("family", "change", "target"),
    [
        ("additive", {"curve": [(30, 0.0), (60, 0.6), (450, 0.9)]}, "`additive`: half the rollouts"),
        ("conflict", {"curve": [(30, 0.0), (60, 0.5), (200, 0.69)]}, "`conflict`: at least 0.7"),
        (
            "few",
            {"curve": [(30, 0.0), (60, 0.5), (200, 0.6)]},
            "never significantly worse than the best of .* at the end",
        ),
        ("few", {"curve": [(30, 0.0), (600, 0.9)]}, "never significantly worse than the best of .* an eighth"),
        ("good", {"curve": [(30, 0.0), (60, 0.9), (900, -0.001)]}, "no family where the returned prompt is worse"),
        ("noisy", {"worthless_accepted": 5}, "at most 10% of worthless proposals"),
    ],
)
def test_a_target_that_is_missed_fails_by_name(family: str, change: dict[str, Any], target: str) -> None:
    assert any(re.match(target, each) for each in failed(changed(lambda each: {**each, **change}, family)))


def test_a_search_that_is_too_slow_fails_the_clock() -> None:
    assert failed(answers(good_results(), timed(5.5))) == NAMES_OF_CLOCK


def test_a_search_that_never_gets_there_is_no_time_faster() -> None:
    found = answers(good_results(), timed(float("inf")))
    assert f"{NAMES_OF_CLOCK[0]} | **FAIL** | median 0.0" in found


def test_too_few_trials_are_no_pass() -> None:
    few = [each for each in good_results() if each["seed"] < 2]
    assert {verdict for name, verdict in verdicts(answers(few)).items() if "worse" in name} == {"not measured"}


def test_being_worse_than_one_rival_by_chance_does_not_fail() -> None:
    def alike(each: dict[str, Any]) -> dict[str, Any]:
        return {**each, "curve": rising(0.75, 200, each["seed"])}

    assert not failed(changed(alike, "few"))


@pytest.fixture(scope="module")
def of_a_broken_engine() -> str:
    def always(comparison: object, **_: object) -> None:
        return None if comparison else "not_comparable"  # type: ignore[return-value] # that is the sabotage

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(iteration, "verdict_on", always)
        patch.setattr(iteration, "drop_those_behind", lambda _: None)
        return answers(small_trials(["noisy", "good"]))


def small_trials(names: Sequence[str]) -> list[dict[str, Any]]:
    trial = {"kind": "reported", "system": OURS, "max_rollouts": 600}
    return [carried_out({**trial, "family": name, "seed": seed}) for name in names for seed in (1, 2)]


def test_an_engine_that_accepts_whatever_it_compares_fails_and_the_real_one_does_not(of_a_broken_engine: str) -> None:
    target = "at most 10% of worthless proposals accepted, on any family"
    assert verdicts(of_a_broken_engine)[target] == "**FAIL**"
    assert verdicts(answers(small_trials(["noisy", "good"])))[target] == "pass"


def test_the_report_is_made_of_the_files_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "search-reported.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in good_results()))
    (tmp_path / "clock-reported.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in timed(4.0)))
    report = write_report(tmp_path, "reported")
    assert report == written(list(good_results())[::-1], timed(4.0)[::-1])
    assert (tmp_path / "search-reported.md").read_text() == report
    assert "| additive | 10 | 2 | 0.70 | 20.0 | 4.0 | 5.0 | 5.0-5.0 | 3.8 |" in report


def test_a_run_that_was_broken_off_has_a_report_of_what_is_there() -> None:
    part = [each for each in good_results() if each["seed"] < 5 or each["system"] == OURS]
    assert "| few | climb | " in written(part[: len(part) // 2])
    assert written([]).startswith("## Targets")


def test_no_trial_that_is_reported_was_tuned_on() -> None:
    reported, tuning = (set(range(FIRST_SEED[kind], FIRST_SEED[kind] + 500)) for kind in ("reported", "tuning"))
    assert not reported & tuning
    assert not set(families("reported").values()) & set(families("tuning").values())
    assert [each.name for each in REPORTED] == list(families("tuning"))
