"""The API against a bare Flask route on the same gunicorn, in one run: ratios of medians, CPU time, and idle memory.

make bench, or python -m benchmarks.serve --only routes; with LOG_LEVEL=INFO ours logs each request, the bare one none.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from benchmarks.serve.together import asked_together, message_of
from benchmarks.serve.usage import cpu_s, family, pss_mib, scheduled_s
from benchmarks.server import RunningServer, running_server
from gepa_next.store.database import Database

ROUNDS, REQUESTS = 7, 300
CONNECTIONS = (8, 32)
TIMEOUT_S = 30


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, bare_server() as bare:
        path = Path(folder, "bench.sqlite3")
        environment = {"DATABASE_PATH": str(path), "RUNNER": "none", "MAX_QUEUED_JOBS": str(10**6)}
        with running_server(environment) as server:
            made = requests.post(f"{server.url}/v1/optimize", json=body(3), timeout=TIMEOUT_S)
            get, post = (bare, "GET /state"), (bare, "POST /echo")
            state, known = f"GET {made.headers['Location']}", f"If-None-Match: {made.headers['ETag']}"
            compare("GET state", get, (server, state))
            compare("GET state, 304", get, (server, state), header=known)
            compare("GET healthz", get, (server, "GET /v1/healthz"))
            for examples in (3, 60):
                name = f"POST optimize, {examples} examples"
                compare(name, post, (server, "POST /v1/optimize"), json.dumps(body(examples)))
                end_jobs(path)
            for connections in CONNECTIONS:
                compare_together(bare, server, connections)
                end_jobs(path)
        with running_server({"DATABASE_PATH": str(Path(folder, "idle.sqlite3"))}) as server:
            requests.get(f"{server.url}/v1/optimize", timeout=TIMEOUT_S)
            print(f"idle, all processes: {pss_mib(family(server.pid)):.0f} MiB PSS")


def end_jobs(path: Path) -> None:
    """End all jobs: no server has thousands in its queue, and those are counted for each new one."""
    with closing(Database(path)) as database:
        database.write(lambda db: db.execute("UPDATE jobs SET status = 'cancelled' WHERE status = 'queued'"))


def body(examples: int) -> dict[str, object]:
    packaged = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))
    return {"prompt": packaged["prompt"], "examples": packaged["examples"][:examples]}


@contextmanager
def bare_server() -> Iterator[RunningServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.set_inheritable(True)
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "--log-level", "warning", "--no-control-socket"]
    command += ["--keep-alive", str(TIMEOUT_S)]  # its connection waits while ours is measured
    command += ["--config", "python:benchmarks.serve.bare", "--bind", f"fd://{listener.fileno()}"]
    command += ["benchmarks.serve.bare:app"]
    server = subprocess.Popen(command, pass_fds=[listener.fileno()])
    try:
        yield RunningServer(f"http://127.0.0.1:{listener.getsockname()[1]}", server.pid)
    finally:
        server.terminate()
        server.wait(TIMEOUT_S)


def compare(
    name: str, bare: tuple[RunningServer, str], ours: tuple[RunningServer, str], payload: str = "", *, header: str = ""
) -> None:
    """Alternate rounds of both (server and request line); print the ratio of their rates, and their CPU time."""
    with keep_alive(bare, payload) as ask_bare, keep_alive(ours, payload, header=header) as ask_ours:
        asks = [(ask_bare, family(bare[0].pid)), (ask_ours, family(ours[0].pid))]
        pairs = [[rate(ask, pids) for ask, pids in asks] for _ in range(ROUNDS)]
    ratio = median(our.per_s / theirs.per_s for theirs, our in pairs)
    theirs, our = (Rate(*map(median, zip(*column, strict=True))) for column in zip(*pairs, strict=True))
    print(
        f"{name}: {ratio:.2f} x bare Flask ({our.per_s:.0f}/s against {theirs.per_s:.0f}/s, one connection;"
        f" {our.cpu_us:.0f} µs of CPU against {theirs.cpu_us:.0f} µs)",
        flush=True,
    )


def compare_together(bare: RunningServer, ours: RunningServer, connections: int) -> None:
    """Alternate rounds of both over so many connections at once, and print how long ours keeps a probe waiting.

    What a request takes of CPU does not depend on what else the machine does, as rates do.
    """
    theirs = Crowd(bare, "POST /echo", connections)
    our = Crowd(ours, "POST /v1/optimize", connections, probe="GET /v1/healthz")
    for _ in range(ROUNDS):
        theirs.ask()
        our.ask()
    ratio = median(mine / bares for mine, bares in zip(our.rates, theirs.rates, strict=True))
    print(
        f"POST optimize, 3 examples: {ratio:.2f} x bare Flask ({median(our.rates):.0f}/s against"
        f" {median(theirs.rates):.0f}/s, {connections} connections); CPU {our.cpu_us:.0f} µs against"
        f" {theirs.cpu_us:.0f} µs; healthz meanwhile {median(our.waits_ms):.1f} ms,"
        f" p99 {quantiles(our.waits_ms, n=100)[98]:.1f} ms",
        flush=True,
    )


class Crowd:
    """Connections that send one request for a job again and again, and what was seen of the server in all rounds."""

    def __init__(self, server: RunningServer, request: str, connections: int, *, probe: str = "") -> None:
        self._server = server
        self._connections = connections
        self._message = message_of(server.url, request, json.dumps(body(3)))
        self._probe = message_of(server.url, probe) if probe else b""
        self._cpu_s = 0.0
        self.rates: list[float] = []
        self.waits_ms: list[float] = []

    def ask(self) -> None:
        """Have a round of requests answered."""
        pids, count = family(self._server.pid), 2 * REQUESTS
        before = cpu_s(pids)
        found = asked_together(
            self._server.url, self._message, connections=self._connections, count=count, probe=self._probe
        )
        self._cpu_s += cpu_s(pids) - before
        self.rates.append(found.per_s)
        self.waits_ms += found.waits_ms

    @property
    def cpu_us(self) -> float:
        """CPU time of the server for a request."""
        return 1e6 * self._cpu_s / (len(self.rates) * 2 * REQUESTS)


class Rate(NamedTuple):
    """How many answers a second, and what the server computed for each."""

    per_s: float
    cpu_us: float


def rate(ask: Callable[[], None], pids: Sequence[int]) -> Rate:
    started, used_s = time.perf_counter(), scheduled_s(pids)
    for _ in range(REQUESTS):
        ask()
    return Rate(REQUESTS / (time.perf_counter() - started), 1e6 * (scheduled_s(pids) - used_s) / REQUESTS)


@contextmanager
def keep_alive(asked: tuple[RunningServer, str], payload: str, *, header: str = "") -> Iterator[Callable[[], None]]:
    """Yield a function that sends the request over one connection and reads the answer."""
    server, request = asked
    place, message = urlsplit(server.url), message_of(server.url, request, payload, header=header)
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
            if not status.startswith((b"HTTP/1.1 20", b"HTTP/1.1 304")):
                raise SystemExit(f"{request}: {status.decode()}")

        yield ask
