"""What honest clients get while ten thousand others connect and say little: of the bare server, and through nginx."""

import resource
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.serve.crowd import Crowd, crowd
from benchmarks.serve.half_open import DESCRIPTORS, Flood, flood
from benchmarks.serve.servers import JOBS, MissingError, Served, gepa_next
from benchmarks.serve.usage import descriptors, family, pss_mib
from tests.deploy.site import NGINX, start_nginx, without_tls

HONEST, PAUSE_S, TIMEOUT_S = 4, 0.05, 30.0
GONE_BY_S = 90.0  # a vanished peer is given up after a minute
TOLD_EACH_S, FOLLOWERS = 0.2, 5


@dataclass(slots=True)
class Honest:
    """What honest clients saw: the time of each answer, and what went wrong."""

    took_s: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    def said(self) -> str:
        """Return quantiles and faults."""
        ordered = sorted(self.took_s) or [0.0]
        at = [1000 * ordered[int(part * (len(ordered) - 1))] for part in (0.5, 0.99, 1.0)]
        faults = ", ".join(f"{count} x {fault}" for fault, count in self.failed.items()) or "none failed"
        return f"{len(self.took_s)} requests, median {at[0]:.0f} ms, p99 {at[1]:.0f} ms, worst {at[2]:.0f} ms, {faults}"


def flooded(seconds: float) -> None:
    """Ten thousand clients, most of them half-open, beside honest ones."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    for name, place in (("the bare server", _bare), ("the shipped nginx", _behind_nginx)):
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "server.log")
            with gepa_next(log=log, MAX_SSE_CLIENTS="1000", LOG_LEVEL="INFO") as served:
                try:
                    with place(served, Path(folder)) as port:
                        _flood(name, served, port, seconds, log)
                except MissingError as error:
                    print(f"{name}: not measured: {error}")


@contextmanager
def _bare(served: Served, _: Path) -> Iterator[int]:
    yield served.port


@contextmanager
def _behind_nginx(served: Served, folder: Path) -> Iterator[int]:
    if NGINX is None:
        raise MissingError("there is no nginx (apt-get install nginx-light)")
    process, port = start_nginx(folder, without_tls(), served.port, connections=DESCRIPTORS)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


def _flood(name: str, served: Served, port: int, seconds: float, log: Path) -> None:
    calm = Honest()
    first = _ask_for(seconds / 4, served, port, calm)
    pids, before, memory = family(served.pids[0]), descriptors(served.pids), pss_mib(served.pids)
    followers = Crowd(port=port, paths=[served.paths[0]] * FOLLOWERS, version="1.0")
    with flood(Flood(port=port, paths=served.paths[1:])) as others, crowd(followers) as followed:
        followed.tell(open=1, until=first, at_most_s=TIMEOUT_S)
        others.tell(open=1)
        honest = Honest()
        last = _ask_for(seconds, served, port, honest)
        got = followed.tell(until=last, at_most_s=TIMEOUT_S)
        at_most, memory_at_most, tally = descriptors(served.pids), pss_mib(served.pids), others.tell(close=1)
        followed.tell(close=1)
        left_s = _until_gone(served, before)
    print(f"{name}, calm: {calm.said()}")
    print(f"{name}, flooded: {honest.said()}")
    print(
        f"  {FOLLOWERS} streams: {got['events']:.0f} of {FOLLOWERS * (last - first)} events, p99 {got['p99_ms']:.0f} ms"
    )
    print(f"  the others at the end: {tally}")
    print(f"  descriptors {before}, {at_most}, and {descriptors(served.pids)} after {left_s:.0f} s")
    print(f"  memory {memory:.0f}, {memory_at_most:.0f}, {pss_mib(served.pids):.0f} MiB; same processes:", end=" ")
    text = log.read_text(encoding="utf-8")
    print(pids == family(served.pids[0]), f"; log {len(text) >> 10} KiB, {text.count('Traceback')} traces", flush=True)


def _ask_for(seconds: float, served: Served, port: int, honest: Honest) -> int:
    """Ask, several at a time, and tell events of the first job; return the id of the last."""
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=_ask, args=(served, port, until, honest)) for _ in range(HONEST)]
    for each in threads:
        each.start()
    told = _told.get(served.port, 0)
    while time.monotonic() < until:
        told += 1
        served.tell(0, told)
        time.sleep(TOLD_EACH_S)
    for each in threads:
        each.join()
    _told[served.port] = told
    return told


_told: dict[int, int] = {}


def _ask(served: Served, port: int, until: float, honest: Honest) -> None:
    state = served.paths[JOBS - 1].removesuffix("/events")
    while time.monotonic() < until:
        for path in ("/v1/healthz", state):
            started = time.perf_counter()
            try:
                _get(port, path)
                honest.took_s.append(time.perf_counter() - started)
            except (OSError, HTTPException) as error:
                honest.failed[f"{path[:12]} {type(error).__name__} {error}"[:60]] += 1
            time.sleep(PAUSE_S)


def _get(port: int, path: str) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise HTTPException(str(answer.status))
    finally:
        connection.close()


def _until_gone(served: Served, before: int) -> float:
    started = time.monotonic()
    while descriptors(served.pids) > before + JOBS and time.monotonic() < started + GONE_BY_S:
        time.sleep(1.0)
    return time.monotonic() - started
