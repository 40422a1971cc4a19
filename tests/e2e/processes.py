"""The real server as processes of their own: started, asked, told to stop, looked for."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

import gepa_next
from tests.deploy.site import start_nginx, without_tls
from tests.support.service import SMALL_JOB, TOKEN
from tests.support.sse import Frame, open_stream, read_events

ROOT = Path(gepa_next.__file__).parents[1]
SERVE = [sys.executable, "-m", "gepa_next", "--port", "0"]
GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
BY_FILE = [*GUNICORN[:4], "gepa_next/gunicorn_conf.py", "wsgi:app"]
TIMEOUT_S = 30.0
BEHIND_NGINX = "TEST_BEHIND_NGINX"  # set to see every request go through nginx with the shipped site
THREADS = "gthread" in os.environ.get("GUNICORN_CMD_ARGS", "")
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Return an environment that owes nothing to this one but the interpreter."""
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "GUNICORN_CMD_ARGS") if name in os.environ
    }
    ours = {
        "PYTHONPATH": str(ROOT),
        "DATABASE_PATH": str(folder / "e2e.sqlite3"),
        "API_BEARER_TOKENS": TOKEN,
        "SSE_PING_INTERVAL_S": "0.2",
        "DRAIN_TIMEOUT_S": "1",
        "JUDGE_CHECK_INTERVAL_S": "0",
        "PORT": "0",
    }
    return kept | ours | variables


def wait_for(condition: Callable[[], Any], *, timeout_s: float = TIMEOUT_S) -> Any:
    """Return what the condition returns once that is true."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)  # the only way to wait for another process's state
    return found


@dataclass(frozen=True)
class Server:
    """A running server and everything it started: whatever has its database in the environment."""

    process: subprocess.Popen[str]
    url: str
    database: str
    log: Path
    proxy: subprocess.Popen[bytes] | None = None

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, headers=AUTHORIZED, timeout=TIMEOUT_S, **options)

    def create(self, **changes: object) -> str:
        body = {**SMALL_JOB, **changes}
        answer = requests.post(f"{self.url}/v1/optimize", json=body, headers=AUTHORIZED, timeout=TIMEOUT_S)
        assert answer.status_code == 201, answer.text
        return answer.json()["job_id"]

    def state(self, job_id: str) -> dict[str, Any]:
        return self.get(f"/v1/optimize/{job_id}").json()

    def stream(self, job_id: str) -> requests.Response:
        return open_stream(self.url, job_id, token=TOKEN)

    def events(self, job_id: str) -> list[Frame]:
        return read_events(self.stream(job_id))

    def is_ready(self) -> bool:
        return self.get("/v1/readyz").status_code == 200

    def alive(self) -> dict[int, str]:
        """Return the command lines of all processes of this server, by process id."""
        mark = f"DATABASE_PATH={self.database}\0".encode()
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        lines = {pid: _command_line(pid, mark) for pid in pids}
        return {pid: line for pid, line in lines.items() if line}

    def runner_pid(self) -> int | None:
        return next((pid for pid, line in self.alive().items() if line.endswith("gepa_next worker")), None)

    def web_pids(self) -> set[int]:
        return {pid for pid, line in self.alive().items() if "gunicorn" in line} - {self.process.pid}

    def stop(self) -> None:
        """Stop the server the polite way, and the other way if that takes too long."""
        try:
            if self.process.poll() is None:
                self.process.terminate()
                self.process.wait(TIMEOUT_S)
        finally:
            if self.proxy is not None:
                self.proxy.kill()
                self.proxy.wait(TIMEOUT_S)
            for pid in self.alive():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self.process.stdout is not None:
                self.process.stdout.close()


def _command_line(pid: int, mark: bytes) -> str:
    """Return the process's command line; empty for one that is a zombie, gone, or of another server."""
    try:
        ours = mark in Path(f"/proc/{pid}/environ").read_bytes()
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip() if ours else ""
    except OSError:
        return ""


def start(command: list[str], folder: Path, **variables: str) -> Server:
    """Start a server and wait until it is ready."""
    log = folder / "server.log"
    settings = environment(folder, **variables)
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            env=settings,
            cwd=folder if command is SERVE else ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    server = Server(process, _address(command, process, log), settings["DATABASE_PATH"], log)
    try:
        wait_for(lambda: _answers(server))
    except BaseException:
        server.stop()
        raise
    return _behind_nginx(server, folder) if BEHIND_NGINX in os.environ else server


def _behind_nginx(server: Server, folder: Path) -> Server:
    own = folder / f"nginx-{server.process.pid}"
    own.mkdir()
    proxy, port = start_nginx(own, without_tls(), int(server.url.rpartition(":")[2]))
    return replace(server, url=f"http://127.0.0.1:{port}", proxy=proxy)


def _address(command: list[str], process: subprocess.Popen[str], log: Path) -> str:
    if command is not SERVE:
        found = wait_for(lambda: re.search(r"Listening at: (http://[0-9.:]+)", log.read_text()))
    else:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"gepa-next \S+ on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line + log.read_text()
    return found[1]


def _answers(server: Server) -> bool:
    assert server.process.poll() is None, server.log.read_text()
    try:
        return server.is_ready()
    except requests.ConnectionError:
        return False
