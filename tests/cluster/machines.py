"""A scheduler and workers of Dask as processes of their own, which can be killed, and models that notice."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.simulated_answers import answer_of

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
LATENCY_S = 0.1


@dataclass
class Machines:
    """The cluster; everything ends with it."""

    folder: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    address: str = ""

    def start_scheduler(self) -> None:
        told = self._start("scheduler", "--port", "0", "--no-dashboard", until="Scheduler at:")
        self.address = told.rpartition(" ")[2].strip()

    def start_worker(self) -> None:
        options = ["--no-nanny", "--nthreads", "4", "--no-dashboard", "--local-directory", str(self.folder)]
        self._start("worker", self.address, *options, until="Registered to:")

    def kill(self, place: int) -> None:
        os.kill(self.running[place].pid, signal.SIGKILL)
        self.running[place].wait(PATIENCE_S)

    def _start(self, kind: str, *options: str, until: str) -> str:
        command = [sys.executable, "-m", "distributed.cli.dask_" + kind, *options, "--host", "127.0.0.1"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        started = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        self.running.append(started)
        said = []
        for line in started.stderr:
            said.append(line)
            if until in line:
                threading.Thread(target=started.stderr.read, daemon=True).start()  # or it would block in the end
                return line
        raise AssertionError("".join(said))


@contextmanager
def opened_machines(folder: Path, workers: int) -> Iterator[Machines]:
    machines = Machines(folder)
    try:
        machines.start_scheduler()
        for _ in range(workers):
            machines.start_worker()
        yield machines
    finally:
        for each in reversed(machines.running):
            each.kill()
            each.wait(PATIENCE_S)
            each.stderr.close()


class Models(ThreadingHTTPServer):
    """An endpoint that answers as the simulator does, after a while; `on_request` is told the count before."""

    daemon_threads = True

    def __init__(self, on_request: Callable[[int], None] = lambda _: None) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.on_request = on_request
        self.counting = threading.Lock()
        self.count = 0
        self.latency = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Models

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.counting:
            self.server.count += 1
            number = self.server.count
        self.server.latency.wait(LATENCY_S)
        self.server.on_request(number)
        body = str(answer_of(asked)["body"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served_models(on_request: Callable[[int], None] = lambda _: None) -> Iterator[Models]:
    with Models(on_request) as models:
        thread = threading.Thread(target=models.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield models
        finally:
            models.latency.set()
            models.shutdown()
            thread.join(PATIENCE_S)
