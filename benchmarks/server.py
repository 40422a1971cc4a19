"""A server of this checkout for a benchmark, on a free loopback port and a database of its own."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import requests

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where the server listens, and the id of its first process."""

    url: str
    pid: int


@contextmanager
def running_server(environment: Mapping[str, str], *, log: Path | None = None) -> Iterator[RunningServer]:
    """Yield a ready server without authentication, its log in the file if there is one; it ends with the block."""
    command = [sys.executable, "-m", "gepa_next", "serve", "--dev", "--port", "0"]
    variables = {"LOG_LEVEL": "WARNING", **os.environ, "RATE_LIMIT_PER_MIN": "0", **environment}
    with log.open("wb") if log else nullcontext() as errors:
        server = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        found = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
        if found is None:
            raise SystemExit("the server did not start")
        _wait_until_ready(found[0])
        yield RunningServer(found[0], server.pid)
    finally:
        server.terminate()
        server.wait(TIMEOUT_S)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/v1/readyz", timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            pass
        time.sleep(0.1)
    raise SystemExit("the server did not become ready")
