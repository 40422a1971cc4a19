"""The benchmark that fills a database by itself still fits it."""

import subprocess
import sys


def test_a_job_put_together_by_hand_is_served_in_all_its_parts() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.big_job", "10"], capture_output=True, text=True, timeout=60, check=False
    )
    answers = [line.split(": ")[1].split(",")[0] for line in ran.stdout.splitlines()]
    assert (ran.returncode, answers) == (0, ["200"] * 10 + ["409", "202"]), ran.stderr
