"""The judge of the server's settings is asked over HTTP, and what it refuses is said."""

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.processes import TIMEOUT_S, environment

COMMAND = [sys.executable, "-m", "gepa_next", "judge", "calibrate", "scored.jsonl", "--json"]


def calibrated(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    rows = [{"input": f"{n} + {n}", "output": "many" * n, "score": 0.5} for n in range(1, 9)]
    (folder / "scored.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    settings = environment(folder, **variables)
    return subprocess.run(
        COMMAND, cwd=folder, env=settings, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )  # fmt: skip


def test_each_output_is_judged_once_by_the_servers_judge(provider, tmp_path) -> None:
    done = calibrated(tmp_path, **provider.variables)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["model_id"], found["agreement"]["n"], found["usage"]["calls"]) == ("acme/judge", 8, 8)


def test_a_judge_that_there_is_not_is_named(provider, tmp_path) -> None:
    done = calibrated(tmp_path, **{**provider.variables, "JUDGE_MODEL_ID": "acme/nobody"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "acme/nobody" in done.stderr
