"""What a command loads, and Ctrl-C while it does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.test_commands import GEPA_NEXT, TIMEOUT_S
from tests.e2e.processes import ROOT

HEAVY = ("pydantic", "flask", "sqlite3", "gevent", "gepa_next.config", "gepa_next.store", "gepa_next.runner")
LOADED = f"""
import sys
from gepa_next.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*[each for each in {HEAVY} if each in sys.modules], file=sys.stderr)
"""
SLOW = """
import sys
print("loading", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    "words", [("--help",), ("jobs", "--help"), ("jobs", "--url", "http://127.0.0.1:1")], ids=" ".join
)
def test_what_only_servers_need_is_not_loaded_for_a_command_that_asks_one(words) -> None:
    command = [sys.executable, "-c", LOADED, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.stdout or "unreachable" in done.stderr
    assert done.stderr.splitlines()[-1] == ""


@pytest.mark.parametrize(
    ("command", "module"), [("jobs", "requests"), ("check", "pydantic"), ("serve", "pydantic"), ("serve", "gunicorn")]
)
def test_ctrl_c_while_a_command_loads_is_one_line(tmp_path: Path, command: str, module: str) -> None:
    (tmp_path / f"{module}.py").write_text(SLOW)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    words = ["serve", "--dev", "--port", "0"] if command == "serve" else [command]
    with subprocess.Popen([*GEPA_NEXT, *words], cwd=tmp_path, env=environment, **pipes) as going:
        assert b"loading\n" in iter(going.stdout.readline, b"")
        going.send_signal(signal.SIGINT)
        assert going.wait(TIMEOUT_S) == 130
        assert going.stderr.read() == b"gepa-next: interrupted\n"
