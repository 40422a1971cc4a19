"""The comparison of margins is a fair one: the judge errs as it is said to, and a margin is only what differs."""

import json
from pathlib import Path

from benchmarks import noise
from gepa_next.gepa import acceptance


def test_a_margin_keeps_proposals_out_and_is_put_back() -> None:
    before = acceptance.NOISE_MARGIN
    none = noise.searched("few", 7, noise=0.2, margin=0.0)
    wide = noise.searched("few", 7, noise=0.2, margin=3.0)
    assert none["accepted"] > wide["accepted"]
    assert none["sd"] == wide["sd"] > 0
    assert before == acceptance.NOISE_MARGIN


def test_a_search_goes_the_same_way_each_time() -> None:
    assert noise.searched("few", 7, noise=0.2, margin=0.5) == noise.searched("few", 7, noise=0.2, margin=0.5)


def test_a_judge_that_does_not_err_has_no_noise() -> None:
    assert noise.searched("few", 7, noise=0.0, margin=0.5)["sd"] == 0


def test_the_margin_is_chosen_by_tasks_that_are_not_reported() -> None:
    assert noise.KIND == "tuning"


def test_the_table_is_that_of_the_raw_results_and_the_engine_has_a_margin_in_it() -> None:
    folder = Path("docs/benchmarks")
    results = [json.loads(line) for line in (folder / "noise.jsonl").read_text().splitlines()]
    assert (folder / "noise.md").read_text() == noise.table(results)
    assert acceptance.NOISE_MARGIN in {each["margin"] for each in results}
