"""A server that is configured wrongly says which variable, exits 2 and starts nothing."""

import socket
import subprocess

import pytest

from tests.e2e.processes import GUNICORN, ROOT, SERVE, environment

WRONG = [
    ("API_BEARER_TOKENS", {"API_BEARER_TOKENS": ""}),
    ("MAX_ITERATIONS", {"MAX_ITERATIONS": "many"}),
    ("HOST", {"REQUIRE_AUTH": "false", "HOST": "0.0.0.0"}),  # noqa: S104 - refused is the point
    ("JUDGE_MODEL_ID", {"OPENAI_API_KEY": "sk-canary"}),
    ("LLM_BASE_URL", {"LLM_BASE_URL": "localhost", "JUDGE_MODEL_ID": "j", "TARGET_MODEL_DEFAULT": "t"}),
    ("MODEL_PRICES", {"MODEL_PRICES": "cheap"}),
    ("CORS_ALLOWED_ORIGINS", {"CORS_ALLOWED_ORIGINS": "https://example.org/"}),
]
WORKER = [*SERVE[:3], "worker"]


def run(command, folder, **variables) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environment(folder, **variables),
        cwd=ROOT if command is GUNICORN else folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(("name", "variables"), WRONG)
def test_a_wrong_setting_is_named_on_one_line(tmp_path, name, variables) -> None:
    ended = run(SERVE, tmp_path, **variables)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert name in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert "canary" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [GUNICORN, WORKER], ids=["gunicorn", "worker"])
def test_every_way_to_start_checks_the_settings(tmp_path, command) -> None:
    ended = run(command, tmp_path, PORT="http")
    assert ended.returncode == 2
    assert "PORT" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_named(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [*SERVE[:-1], port]
        ended = run(command, tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"PORT: cannot listen on 127.0.0.1:{port}" in ended.stderr


@pytest.mark.parametrize("command", [SERVE, GUNICORN], ids=["serve", "gunicorn"])
def test_a_database_that_cannot_be_used_is_named(tmp_path, command) -> None:
    not_ours = tmp_path / "notes.txt"
    not_ours.write_text("This is not a database, and a long text too. " * 100)
    ended = run(command, tmp_path, DATABASE_PATH=str(not_ours))
    assert ended.returncode == 2
    assert str(not_ours) in ended.stderr
    assert not_ours.read_text().startswith("This is not")
