"""`gepa-next judge check` judges the anchors again, and says by its status whether the judge has moved."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gepa_next.cli import main
from gepa_next.gepa.anchors import ANCHORS
from gepa_next.gepa.drift import REPEATS, anchors_fingerprint
from gepa_next.operating.judge import SIMULATED
from gepa_next.store.counters import list_counters
from gepa_next.store.database import Database
from gepa_next.store.judge_checks import find_last_check
from tests.support.judges import Taste, judge_served

CALLS = REPEATS * len(ANCHORS)


@dataclass
class Bench:
    """A judge, the settings that lead to it, and the command."""

    taste: Taste
    path: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def check(self, *options: str) -> tuple[int, str]:
        """Return the status and what was said, on whatever stream."""
        try:
            main(["judge", "check", *options])
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        return status, "".join(self.capsys.readouterr())

    def found(self) -> dict[str, Any]:
        return dict(json.loads(self.check("--json")[1]))

    def use(self, model_id: str) -> None:
        self.monkeypatch.setenv("JUDGE_MODEL_ID", model_id)

    def database(self) -> Database:
        return Database(self.path)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Bench]:
    path, taste = tmp_path / "check.sqlite3", Taste()
    Database(path).close()
    with judge_served(taste) as base_url:
        names = {"DATABASE_PATH": str(path), "LLM_BASE_URL": base_url, "TARGET_MODEL_DEFAULT": "acme/target"}
        for name, value in {**names, "JUDGE_MODEL_ID": "acme/judge", "JUDGE_BASE_URL": ""}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        yield Bench(taste, path, monkeypatch, capsys)


def test_the_first_check_is_the_baseline_and_the_same_judge_has_not_moved(bench: Bench) -> None:
    status, said = bench.check()
    assert (status, said.splitlines()[0]) == (0, "acme/judge: 12 anchors scored, the baseline of the checks to come")
    assert said.endswith(f"{CALLS} calls, 0.0240 USD\n")
    status, said = bench.check()
    assert (status, said.splitlines()[0]) == (0, "acme/judge has not been seen to move: 12 anchors")
    assert "shift +0.000, 99 % interval +0.000 to +0.000" in said


def test_a_judge_that_moved_by_a_point_ends_with_1(bench: Bench) -> None:
    bench.check()
    bench.taste.shift = -1
    status, said = bench.check()
    assert status == 1
    assert "acme/judge has moved: 12 anchors" in said
    assert "shift -0.100" in said


def test_a_judge_that_varies_has_not_moved(bench: Bench) -> None:
    bench.taste.varies = True
    assert [bench.check()[0] for _ in range(4)] == [0, 0, 0, 0]


def test_json_has_the_numbers(bench: Bench) -> None:
    first = bench.found()
    assert (first["baseline"], first["drift"], first["anchors"]) == (True, None, 12)
    bench.taste.shift = 1
    found = bench.found()
    assert found["drift"]["moved"] is True
    assert found["drift"]["shift"] == pytest.approx(found["drift"]["now"] - found["drift"]["before"])
    assert found["drift"]["interval"] == pytest.approx([0.1, 0.1])
    assert (found["model_id"], found["baseline"], found["usage"]["calls"]) == ("acme/judge", False, CALLS)


def test_another_judge_has_a_baseline_of_its_own(bench: Bench) -> None:
    bench.check()
    bench.taste.shift = -1
    bench.use("acme/other")
    assert "the baseline" in bench.check()[1]
    bench.use("acme/judge")
    assert bench.check()[0] == 1


def test_a_new_baseline_is_what_later_checks_are_compared_with(bench: Bench) -> None:
    bench.check()
    bench.taste.shift = -1
    assert bench.check("--new-baseline")[0] == 0
    assert bench.check()[0] == 0


def test_it_is_said_since_when_a_judge_has_moved(bench: Bench) -> None:
    bench.check()
    since: list[float | None] = []
    checked: list[float] = []
    for shift in (-1, -1, 0, -1):
        bench.taste.shift = shift
        bench.check()
        with closing(bench.database()) as database:
            found = find_last_check(database, anchors_fingerprint("acme/judge"))
        assert found is not None
        since.append(found.moved_since)
        checked.append(found.checked_at)
    assert since == [checked[0], checked[0], None, checked[3]]


def test_a_judge_that_refuses_could_not_be_checked_and_is_asked_no_more(bench: Bench) -> None:
    bench.taste.status = 401
    status, said = bench.check()
    assert status == 2
    assert "acme/judge could not be checked" in said
    assert len(bench.taste.asked) == 1
    bench.taste.status = 200
    assert "the baseline" in bench.check()[1]


def test_every_call_is_a_request_of_its_own_and_counted_as_the_judges(bench: Bench) -> None:
    bench.check()
    bench.check()
    assert len(set(bench.taste.asked)) == 2 * CALLS
    with closing(bench.database()) as database:
        counted = {(each.name, *dict(each.labels).values()): each.value for each in list_counters(database)}
    assert counted["llm_calls", "ok", "judge"] == 2 * CALLS
    assert counted["llm_cost_usd", "judge"] == pytest.approx(0.048)


def test_without_a_database_nothing_is_asked(bench: Bench) -> None:
    bench.path.unlink()
    status, said = bench.check()
    assert (status, bench.taste.asked) == (2, [])
    assert "DATABASE_PATH" in said


def test_a_check_of_the_simulator_says_that_it_is_one(bench: Bench) -> None:
    for name in ("LLM_BASE_URL", "TARGET_MODEL_DEFAULT", "JUDGE_MODEL_ID"):
        bench.monkeypatch.delenv(name)
    assert bench.check()[1].startswith(f"{SIMULATED}\nsim/judge: 12 anchors scored")
    assert bench.found()["simulated"] is True


def test_a_check_of_a_real_judge_does_not(bench: Bench) -> None:
    assert SIMULATED not in bench.check()[1]
    assert bench.found()["simulated"] is False


def test_a_database_that_is_not_there_is_named_by_its_whole_path(bench: Bench) -> None:
    bench.monkeypatch.setenv("DATABASE_PATH", "elsewhere/gepa_next.sqlite3")
    assert f"there is no {Path.cwd()}/elsewhere/gepa_next.sqlite3" in bench.check()[1]
