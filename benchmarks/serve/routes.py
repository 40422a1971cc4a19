"""The API against a bare Flask route on the same gunicorn, in one run: ratios of medians, and idle memory.

make bench, or python -m benchmarks.serve --only routes
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import requests

from benchmarks.serve.together import asked_together, message_of
from benchmarks.serve.usage import family, pss_mib
from benchmarks.server import running_server

ROUNDS, REQUESTS = 7, 300
CONNECTIONS = (8, 32)
TIMEOUT_S = 30


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, bare_server() as bare:
        environment = {
            "DATABASE_PATH": str(Path(folder, "bench.sqlite3")),
            "RUNNER": "none",
            "MAX_QUEUED_JOBS": str(10**6),
        }
        with running_server(environment) as server:
            url = server.url
            job = requests.post(f"{url}/v1/optimize", json=body(3), timeout=TIMEOUT_S).json()
            get, post = (bare, "GET /state"), (bare, "POST /echo")
            compare("GET state", get, (url, f"GET /v1/optimize/{job['job_id']}"))
            compare("GET healthz", get, (url, "GET /v1/healthz"))
            compare("POST optimize, 3 examples", post, (url, "POST /v1/optimize"), json.dumps(body(3)))
            compare("POST optimize, 60 examples", post, (url, "POST /v1/optimize"), json.dumps(body(60)))
            for connections in CONNECTIONS:
                compare_together((bare, "POST /echo"), (url, "POST /v1/optimize"), json.dumps(body(3)), connections)
        with running_server({"DATABASE_PATH": str(Path(folder, "idle.sqlite3"))}) as server:
            requests.get(f"{server.url}/v1/optimize", timeout=TIMEOUT_S)
            print(f"idle, all processes: {pss_mib(family(server.pid)):.0f} MiB PSS")


def body(examples: int) -> dict[str, object]:
    packaged = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))
    return {"prompt": packaged["prompt"], "examples": packaged["examples"][:examples]}


@contextmanager
def bare_server() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.set_inheritable(True)
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "--log-level", "warning", "--no-control-socket"]
    command += ["--keep-alive", str(TIMEOUT_S)]  # its connection waits while ours is measured
    command += ["--config", "python:benchmarks.serve.bare", "--bind", f"fd://{listener.fileno()}"]
    command += ["benchmarks.serve.bare:app"]
    server = subprocess.Popen(command, pass_fds=[listener.fileno()])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.terminate()
        server.wait(TIMEOUT_S)


def compare(name: str, bare: tuple[str, str], ours: tuple[str, str], payload: str = "") -> None:
    """Alternate rounds of both (URL and request line) and print the ratio of their request rates."""
    with keep_alive(*bare, payload) as ask_bare, keep_alive(*ours, payload) as ask_ours:
        pairs = [(rate(ask_bare), rate(ask_ours)) for _ in range(ROUNDS)]
    ratio = median(our / theirs for theirs, our in pairs)
    theirs, our = (median(column) for column in zip(*pairs, strict=True))
    print(f"{name}: {ratio:.2f} x bare Flask ({our:.0f}/s against {theirs:.0f}/s, one connection)", flush=True)


def compare_together(bare: tuple[str, str], ours: tuple[str, str], payload: str, connections: int) -> None:
    """Alternate rounds of both over so many connections at once, and print how long ours keeps a probe waiting."""
    messages = [message_of(*each, payload) for each in (bare, ours)]
    healthz = message_of(ours[0], "GET /v1/healthz")
    theirs, our, waits = [], [], list[float]()
    for _ in range(ROUNDS):
        theirs.append(asked_together(bare[0], messages[0], connections=connections, count=4 * REQUESTS).per_s)
        found = asked_together(ours[0], messages[1], connections=connections, count=4 * REQUESTS, probe=healthz)
        our.append(found.per_s)
        waits += found.waits_ms
    ratio = median(one / other for one, other in zip(our, theirs, strict=True))
    print(
        f"POST optimize, 3 examples: {ratio:.2f} x bare Flask ({median(our):.0f}/s against {median(theirs):.0f}/s,"
        f" {connections} connections); healthz meanwhile {median(waits):.1f} ms, p99 {quantiles(waits, n=100)[98]:.1f}",
        flush=True,
    )


def rate(ask: Callable[[], None]) -> float:
    started = time.perf_counter()
    for _ in range(REQUESTS):
        ask()
    return REQUESTS / (time.perf_counter() - started)


@contextmanager
def keep_alive(url: str, request: str, payload: str) -> Iterator[Callable[[], None]]:
    """Yield a function that sends the request over one connection and reads the answer."""
    place, message = urlsplit(url), message_of(url, request, payload)
    with socket.create_connection((place.hostname or "", place.port or 80), timeout=TIMEOUT_S) as connection:
        reader = connection.makefile("rb")

        def ask() -> None:
            connection.sendall(message)
            status = reader.readline()
            length = 0
            while (line := reader.readline().strip()) != b"":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)
            if not status.startswith(b"HTTP/1.1 20"):
                raise SystemExit(f"{request}: {status.decode()}")

        yield ask
