"""What a newcomer pastes from the documentation works."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gepa_next.commands.outcome import Exit
from tests.docs.pages import ADDRESS, ROOT, TIMEOUT_S, fenced, page, rows

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the session is one of curl")


ON_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


@pytest.fixture(scope="module")
def session(server: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the lines that a terminal shows of the README's session."""
    script = "".join(fenced((ROOT / "README.md").read_text(encoding="utf-8"), "sh")).replace(ADDRESS, server)
    script = script.replace(".venv/bin/gepa-next", f"{sys.executable} -m gepa_next")
    run = subprocess.run(
        [sys.executable, "-c", ON_A_TERMINAL, "bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=tmp_path_factory.mktemp("pasted"),
        env={**os.environ, "PYTHONPATH": str(ROOT), "GEPA_NEXT_URL": server},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout.splitlines()


@needs_curl
def test_the_readme_session_follows_the_job_to_its_end(session: list[str]) -> None:
    types = [line.removeprefix("event: ") for line in session if line.startswith("event: ")]
    assert types[0] == "started"
    assert types[-1] == "finished"


@needs_curl
def test_the_readme_session_ends_with_a_held_out_result_and_the_prompt_for_people(session: list[str]) -> None:
    *_, finished = (json.loads(line.removeprefix("data: ")) for line in session if line.startswith("data: "))
    result = finished["data"]
    prompt = result["prompt"].splitlines()
    said, shown = session[-len(prompt) - 9 : -len(prompt)], session[-len(prompt) :]
    test = result["test"]
    verdict = f"{result['verdict']}: {test['seed_score']:.2f} -> {test['score']:.2f} on 8 held-out examples"
    assert shown == prompt
    assert verdict in said
    assert result["says"] in said


@pytest.mark.parametrize("name", ["quickstart.md", "client.md"])
def test_the_python_of_a_page_works_from_its_beginning_to_its_end(server: str, tmp_path: Path, name: str) -> None:
    script = "\n".join(fenced(page(name), "python"))
    run = subprocess.run(
        [sys.executable, "-c", script.replace(ADDRESS, server)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "verdict=" in run.stdout


def test_the_session_of_the_command_line_works(server: str, tmp_path: Path) -> None:
    (script,) = fenced(page("cli.md"), "sh")
    ours = f'gepa-next() {{ {sys.executable} -m gepa_next "$@"; }}\n'
    run = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", ours + script.replace(ADDRESS, server)],  # noqa: S607 - as above
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "bank.jsonl").read_text(encoding="utf-8").count("\n") >= 3


def test_the_exit_codes_are_documented() -> None:
    assert {row[0] for row in rows("cli.md") if row[0].isdigit()} == {str(int(code)) for code in Exit}
