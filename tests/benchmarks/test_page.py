"""The benchmark of a big job's page still opens it."""

import subprocess
import sys

from tests.web.browser import needs_chromium


@needs_chromium
def test_the_page_of_a_job_put_together_by_hand_opens() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.page", "30"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode, len(ran.stdout.splitlines())) == (0, 4), ran.stderr
    assert "all events" in ran.stdout
