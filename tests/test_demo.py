"""`make demo` on the simulator, and on a model server that is named by its address alone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gepa_next.demo.__main__ import _models

CHECKOUT = Path(__file__).parents[1]
TIMEOUT_S = 120
MODEL_VARIABLES = ("OPENROUTER_API_KEY", "OPENAI_API_KEY", "LLM_BASE_URL", "TARGET_MODEL_DEFAULT", "JUDGE_MODEL_ID")


def demo(folder: Path, **variables: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name not in MODEL_VARIABLES}
    environment = {**kept, "PYTHONPATH": str(CHECKOUT), **variables}
    command = [sys.executable, "-m", "gepa_next.demo"]
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_demo_ends_with_both_scores_and_says_that_they_are_simulated(tmp_path: Path) -> None:
    left = tmp_path / "instance" / "demo.sqlite3"
    left.parent.mkdir()
    left.write_text("what another version left")
    said = demo(tmp_path)
    seed, champion = (float(re.fullmatch(rf"{name} score: (\d\.\d\d)", line)[1]) for name, line in
                      zip(("seed", "champion"), said[-2:], strict=True))  # fmt: skip
    assert champion > seed
    assert any(line.startswith("simulated") for line in said)
    assert "# Lessons" in said


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ({}, {}),
        ({"OPENROUTER_API_KEY": "k"}, "openai/gpt-5-mini"),
        ({"OPENAI_API_KEY": "k"}, "gpt-5-mini"),
        ({"OPENAI_API_KEY": "k", "JUDGE_MODEL_ID": "mine", "TARGET_MODEL_DEFAULT": "mine"}, "mine"),
    ],
)
def test_a_key_alone_is_enough(given: dict[str, str], chosen: object) -> None:
    names = ("TARGET_MODEL_DEFAULT", "JUDGE_MODEL_ID")
    assert _models(given) == (dict.fromkeys(names, chosen) if chosen else {})


def test_an_endpoint_without_models_is_told_in_clear_words() -> None:
    with pytest.raises(SystemExit, match="TARGET_MODEL_DEFAULT"):
        _models({"LLM_BASE_URL": "http://127.0.0.1:9/v1"})
