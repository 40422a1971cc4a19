"""What the page on evidence says can be done with the files and a few lines, and what it says is in them."""

import json
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import fenced, page, row_of
from tests.receipts.conftest import Files

TIMEOUT_S = 30


def test_every_part_of_a_receipt_is_documented(files: Files) -> None:
    for name in json.loads(files["receipt.json"]):
        assert row_of("evidence.md", name)


def test_the_python_of_the_page_reckons_the_head(files: Files, tmp_path: Path) -> None:
    (script,) = fenced(page("evidence.md"), "python")
    (tmp_path / "events.jsonl").write_bytes(files["events.jsonl"])
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    assert ran.stdout.strip() == json.loads(files["receipt.json"])["events"]["head"]
