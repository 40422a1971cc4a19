"""`gepa-next judge calibrate` judges a file of outputs, and says how the judge agrees with people."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gepa_next.cli import main
from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.fingerprint import judge_fingerprint
from gepa_next.gepa.replies import JudgeReply
from gepa_next.gepa.types import CallUsage, Completion, ModelCall
from gepa_next.operating.calibration import calibrate
from gepa_next.operating.human_scores import ScoredOutput, read_scored
from gepa_next.operating.judge import SIMULATED

ROW = {"input": "1 + 1", "output": "2", "ideal": "2", "score": 10}
GOOD = [ROW, {**ROW, "output": "3", "score": 0}, {**ROW, "output": "It may be 2.", "score": 6.5}]


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def written(*rows: object, name: str = "scored.jsonl") -> Path:
        path = tmp_path / name
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return written


@pytest.fixture(autouse=True)
def simulated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Owe nothing to the environment: the simulator judges."""
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_BASE_URL"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_it_says_how_the_judge_agrees(file: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    main(["judge", "calibrate", str(file(*GOOD)), "--scale", "10"])
    said = capsys.readouterr().out
    assert said.startswith(f"{SIMULATED}\n3 outputs scored by sim/judge\n")
    assert "Spearman's rank correlation: 1.00" in said
    assert said.endswith("3 calls, 0.0000 USD\n")


def test_json_and_csv_are_for_programs(file: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    table = file("score,input,output,note", '1,1 + 1,"2, of course",x', "0.1,2 + 2,,", name="scored.CSV")
    main(["judge", "calibrate", str(table), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (said["model_id"], said["agreement"]["n"], said["failed"]) == ("sim/judge", 2, {})
    assert said["fingerprints"] == [judge_fingerprint("sim/judge")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "line 2: it is not JSON"),
        ("[" * 100_000, "line 2: it is not JSON"),
        ("[]", "line 2: it is no object"),
        ({**ROW, "score": 10.5}, "line 2: score must be a number from 0 to 10"),
        ({**ROW, "score": -1}, "line 2: score"),
        ({**ROW, "score": True}, "line 2: score"),
        ({**ROW, "score": None}, "line 2: score"),
        ({**ROW, "score": "NaN"}, "line 2: score"),
        ('{"input": "a", "output": "b", "score": ' + "9" * 400 + "}", "line 2: score"),
        ({**ROW, "output": None}, "line 2: output must be a text"),
        ({**ROW, "input": 3}, "line 2: input must be a text"),
        ({**ROW, "ideal": 3}, "line 2: ideal must be a text"),
        ({**ROW, "ideal": 0}, "line 2: ideal must be a text"),
        ({**ROW, "ideal": []}, "line 2: ideal must be a text"),
        ({**ROW, "rubric": False}, "line 2: rubric must be a text"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_asked(
    file: Callable[..., Path], capsys: pytest.CaptureFixture[str], row: object, said: str
) -> None:
    path = file(ROW, row)
    with pytest.raises(SystemExit) as ended:
        main(["judge", "calibrate", str(path), "--scale", "10"])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["input,score,output,score", "a,0,b,1"], "line 1: there is more than one column score"),
        (["input,output", "a,b"], "line 1: there is no column score"),
        (["input,output,score", "a,b"], "line 2: it has more or fewer cells"),
        (["input,output,score", "a,b,1,2"], "line 2: it has more or fewer cells"),
        (["input,output,score", 'a,"b"c,1'], "line 2:"),
        (["input,output,score", "a,b,much"], "line 2: score"),
        (["input,output,score"], "there is nothing in it"),
    ],
)
def test_a_bad_table_is_named_by_its_line(file: Callable[..., Path], lines: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_scored(file(*lines, name="scored.csv"), scale=1)


def test_a_file_that_is_not_there_or_not_text_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    for name, said in (("none.jsonl", "No such file"), ("bytes.jsonl", "not UTF-8")):
        with pytest.raises(SystemExit):
            main(["judge", "calibrate", str(tmp_path / name)])
        assert said in capsys.readouterr().err


def outputs(*texts: str) -> list[ScoredOutput]:
    return [ScoredOutput(line=line, input="?", output=text, score=0.5) for line, text in enumerate(texts, 1)]


def judge(call: ModelCall) -> Completion:
    if "down" in call.messages[0].content:
        raise ModelError("timeout", "too late", sends=3, cost_usd=0.5)
    return Completion(text="", reply=JudgeReply(feedback="", score=7), usage=CallUsage(sends=1, cost_usd=0.25))


def test_an_output_without_a_score_is_counted_and_left_out() -> None:
    found = calibrate(outputs("up", "is down", "up again"), judge, model_id="m", apply=map)
    assert found.agreement is not None
    assert (found.agreement.n, found.agreement.mean_error) == (2, pytest.approx(0.2))
    assert found.failed == {"timeout": 1}
    assert (found.usage["calls"], found.usage["cost_usd"]) == (5, 1.0)


def test_a_judge_that_scores_nothing_agrees_with_nobody() -> None:
    assert calibrate(outputs("is down"), judge, model_id="m", apply=map).agreement is None


def test_a_judge_that_refuses_is_asked_once() -> None:
    asked = []

    def refuse(call: ModelCall) -> Completion:
        asked.append(call.key)
        raise ProviderError("provider_auth", "wrong key")

    with pytest.raises(ProviderError, match="wrong key"):
        calibrate(outputs("a", "b", "c"), refuse, model_id="m", apply=lambda function, items: [*map(function, items)])
    assert asked == ["calibrate/1"]
