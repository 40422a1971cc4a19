"""The servers that are compared: ours and its peers, each with twenty jobs to follow and a way to tell of one."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import requests

from benchmarks.serve.usage import family
from benchmarks.server import running_server
from gepa_next.models import StoredEvent
from gepa_next.store.database import Database
from gepa_next.store.events import append_event
from gepa_next.streaming.frames import line

TIMEOUT_S = 30.0
JOBS = 20
PEERS = Path("build/peers/bin")
CONFIGURATIONS = Path(__file__).with_name("peers")
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
DATA = json.dumps({"stage": "evaluate", "candidate_id": 12, "iteration": 3, "text": "x" * 200}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Served:
    """A server under load: its port, the processes that serve, a path for each job, and how to tell of a job.

    `tell` takes the place of the job and the id of the event, and returns when the server has it.
    """

    port: int
    pids: Sequence[int]
    paths: Sequence[str]
    tell: Callable[[int, int], None]


class MissingError(Exception):
    """Say what is not installed."""


@contextmanager
def gepa_next(*, log: Path | None = None, **environment: str) -> Iterator[Served]:
    """Yield our service; the events are committed by this process, in the runner's place."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.sqlite3")
        given = {"DATABASE_PATH": str(path), "RUNNER": "none", "MAX_SSE_CLIENTS": "4000", **environment}
        with running_server(given, log=log) as server, closing(Database(path)) as database:
            jobs = [_new_job(server.url) for _ in range(JOBS)]
            yield Served(
                int(server.url.rpartition(":")[2]),
                family(server.pid),
                [f"/v1/optimize/{job_id}/events" for job_id in jobs],
                lambda place, event_id: _commit(database, jobs[place], event_id),
            )


def _new_job(url: str) -> str:
    answer = requests.post(f"{url}/v1/optimize", json={"prompt": "Say it."}, timeout=TIMEOUT_S)
    return str(answer.json()["job_id"])


def _commit(database: Database, job_id: str, event_id: int) -> None:
    now = time.time()
    database.write(lambda db: append_event(db, job_id, key=f"told/{event_id}", kind="progress", now=now, data=DATA))


@contextmanager
def sse_starlette(options: str = "") -> Iterator[Served]:
    """Yield uvicorn with sse-starlette; `options` are uvicorn's."""
    port = _free_port()
    app = "benchmarks.serve.peers.with_sse_starlette:app"
    command = f"{_installed('uvicorn')} {app} --port {port} --no-access-log --log-level warning {options}"
    with _process(shlex.split(command), port) as server:
        yield _filled_by_post(port, family(server.pid))


@contextmanager
def flask_sse() -> Iterator[Served]:
    """Yield flask-sse under gunicorn and gevent, with a Redis server of its own."""
    if shutil.which("redis-server") is None:
        raise MissingError("there is no redis-server (apt-get install redis-server)")
    redis_port, port = _free_port(), _free_port()
    redis = f"redis-server --port {redis_port} --save '' --bind 127.0.0.1 --loglevel warning"
    options = f"--config /dev/null -k gevent --worker-connections 4000 --log-level warning --bind 127.0.0.1:{port}"
    command = f"{_installed('gunicorn')} {options} benchmarks.serve.peers.with_flask_sse:app"
    variables = {"FLASK_REDIS_URL": f"redis://127.0.0.1:{redis_port}"}
    with _process(shlex.split(redis), redis_port) as broker, _process(shlex.split(command), port, variables) as server:
        served = _filled_by_post(port, [*family(server.pid), broker.pid])
        yield Served(served.port, served.pids, [f"/events?channel=job{place}" for place in range(JOBS)], served.tell)


@contextmanager
def nchan() -> Iterator[Served]:
    """Yield nginx with nchan."""
    if not NCHAN.exists():
        raise MissingError("nginx has no nchan (apt-get install libnginx-mod-nchan)")
    with _nginx("nchan.conf") as (server, port):
        yield _filled_by_post(port, family(server.pid))


@contextmanager
def behind_nginx(served: Served) -> Iterator[int]:
    """Yield the port of an nginx before the server."""
    with _nginx("proxy.conf", BACKEND=served.port) as (_, port):
        yield port


@contextmanager
def _nginx(configuration: str, **ports: int) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    if shutil.which("nginx") is None:
        raise MissingError("there is no nginx (apt-get install nginx-light)")
    port = _free_port()
    text = CONFIGURATIONS.joinpath(configuration).read_text(encoding="utf-8")
    for name, value in {"PORT": port, **ports}.items():
        text = text.replace(name, str(value))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "nginx.conf").write_text(text, encoding="utf-8")
        with _process(["nginx", "-p", folder, "-c", "nginx.conf", "-e", "stderr"], port) as server:
            yield server, port


def _filled_by_post(port: int, pids: Sequence[int]) -> Served:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)

    def post(place: int, text: str) -> None:
        connection.request("POST", f"/publish/job{place}", text, {"Content-Type": "application/json"})
        connection.getresponse().read()

    def tell(place: int, event_id: int) -> None:
        event = StoredEvent(sequence=0, job_id=f"job{place}", id=event_id, type="progress", ts=time.time(), data=DATA)
        try:
            post(place, line(event))
        except ConnectionError:  # closed as it was idle for long
            connection.close()
            post(place, line(event))

    return Served(port, pids, [f"/events/job{place}" for place in range(JOBS)], tell)


@contextmanager
def _process(
    command: Sequence[str], port: int, variables: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command, env={**os.environ, **(variables or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield process
    finally:
        for pid in family(process.pid):  # none of them has anything to lose
            os.kill(pid, signal.SIGKILL)
        process.wait(TIMEOUT_S)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            time.sleep(0.5)  # gunicorn listens before its worker has loaded
            return
    raise SystemExit("a peer did not start")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _installed(name: str) -> Path:
    if not PEERS.joinpath(name).exists():
        raise MissingError(f"there is no {PEERS.joinpath(name)} (make bench-serve makes it)")
    return PEERS.joinpath(name).absolute()
