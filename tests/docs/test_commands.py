"""Every command and every script in the documentation is run, or it is said here why not."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gepa_next.client import Client
from tests.docs.pages import ADDRESS, DOCS, PAGES, ROOT, TIMEOUT_S

DEMO = ROOT / "gepa_next" / "demo" / "job.json"
# Pages whose scripts are run from the first block to the last, as one session, with a job that has ended as JOB_ID.
SESSIONS = ("curl.md", "own-page.md", "evidence.md", "SSE.md", "importing.md", "quickstart.md")
SAID = {"curl.md": "none was held out"}  # what a session must print, for its page says so
ELSEWHERE = {
    "README.md": "test_readme_session",
    "cli.md": "test_readme_session",
    "client.md": "test_readme_session",
    "backup.md": "tests/e2e/test_the_backup_page",
}
# Blocks that are not run, by their first words.
NOT_RUN = {
    "make ": "its target must exist",
    ".venv/bin/python -m gepa_next --dev": "it is the server that all others ask",
    "export OPENROUTER_API_KEY": "a key costs money",
    "export DASK_SCHEDULER": "tests/cluster runs a cluster",
    "apt-get ": "it needs root; tests/deploy checks the files",
    "NAME=": "it needs a name of one's own; tests/deploy runs nginx with the site",
    "/opt/gepa-next/bin/gepa-next token": "as above; tests/tokens runs the command",
    "docker ": "it needs Docker; tests/deploy checks the file",
    "gepa-next judge check": "the simulator is no judge to check; tests/judge runs the command",
    "gepa-next judge calibrate": "as above",
    "python3 -m venv viz": "it installs a package",
    "python3 -m venv tracking": "as above; test_mlflow_example runs what the script takes from a job",
}
needs_tools = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("jq") is None, reason="curl and jq are not installed"
)


def blocks(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```(?:sh|console)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def is_run(block: str) -> bool:
    return not any(block.startswith(start) for start in NOT_RUN)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_run_somewhere_or_it_is_said_why_not(page: Path) -> None:
    left = [] if page.name in (*SESSIONS, *ELSEWHERE) else [each for each in blocks(page) if is_run(each)]
    assert not left


def test_nothing_is_excused_that_is_not_there() -> None:
    written = [each for page in PAGES for each in blocks(page)]
    assert [start for start in NOT_RUN if not any(each.startswith(start) for each in written)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_target_of_make_exists(page: Path) -> None:
    named = re.findall(r"^make ([\w-]+)", "".join(blocks(page)), re.MULTILINE)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= set(targets)


@needs_tools
@pytest.mark.parametrize("name", SESSIONS)
def test_the_commands_of_a_page_work(server: str, database_path: Path, tmp_path: Path, name: str) -> None:
    script = "\n".join(each for each in blocks(DOCS / name) if is_run(each)).replace(ADDRESS, server)
    if "JOB_ID" in script:
        script = script.replace("JOB_ID", finished_job(server))
    run = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", BEFORE + script],  # noqa: S607 - whichever bash a newcomer has
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TOKEN": "none",
            "DATABASE_PATH": str(database_path),
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert '{"error"' not in run.stdout
    assert SAID.get(name, "") in run.stdout


BEFORE = f"""gepa-next() {{ {sys.executable} -m gepa_next "$@"; }}
"""


def finished_job(server: str) -> str:
    """Return the id of a job that found a better prompt: the packaged one."""
    with Client(server) as client:
        body = json.loads(DEMO.read_text(encoding="utf-8"))
        return client.wait(client.optimize(body.pop("prompt"), **body).job_id).job_id
