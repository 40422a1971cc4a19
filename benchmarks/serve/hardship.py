"""What streams have to stand: clients that do not read, all back at once, a proxy, an end, jobs beside, long hours."""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType

import requests

from benchmarks.serve.crowd import Crowd, crowd
from benchmarks.serve.fan_out import CLIENTS, EVENTS_PER_S, tell_all, tell_for, used
from benchmarks.serve.flooded import flooded
from benchmarks.serve.routes import body
from benchmarks.serve.servers import JOBS, TIMEOUT_S, MissingError, Served, behind_nginx, gepa_next
from benchmarks.serve.usage import cpu_s, descriptors, family, pss_mib
from benchmarks.server import running_server

SLOW, READERS, MISSED, PAUSE_S = 2_000, 20, 200, 0.01
JOBS_BESIDE, QUEUED = 4, 60  # more are queued than run: each ends within seconds
QUANTILES = {"median": 0.5, "p99": 0.99, "worst": 1.0}


def slow_readers(seconds: float) -> None:
    """2,000 clients that never read, beside twenty that do."""
    with gepa_next() as served, crowd(_crowd(served, SLOW, reads=False)) as slow, crowd(_crowd(served, READERS)) as few:
        before = pss_mib(served.pids)
        slow.tell(open=1)
        few.tell(open=1)
        first = tell_all(served, few, 1)
        busy = used(served, lambda: tell_for(served, seconds, first + 1))
        last = first + int(seconds * EVENTS_PER_S) // JOBS
        got = few.tell(until=last, at_most_s=TIMEOUT_S)
        above = pss_mib(served.pids) - before
    print(
        f"{SLOW:,} clients that do not read: {READERS} others got {_complete(got, last - first, READERS)},"
        f" p99 {got['p99_ms']:.0f} ms, {100 * busy / seconds:.0f} % CPU, {above:.0f} MiB above idle"
    )


def storm(_: float) -> None:
    """1,000 clients that lost their connections come back at the same moment, each with events to catch up on."""
    with _as_shipped() as served, crowd(_crowd(served, CLIENTS)) as clients:
        clients.tell(open=1)
        first = tell_all(served, clients, 1)
        clients.tell(close=1)
        for event_id in range(first + 1, first + MISSED + 1):
            for place in range(JOBS):
                served.tell(place, event_id)
        before = cpu_s(served.pids)
        got = clients.tell(open=1, until=first + MISSED, at_most_s=TIMEOUT_S)
        busy = cpu_s(served.pids) - before
    print(
        f"{CLIENTS:,} clients come back at once, {MISSED} events behind: {_complete(got, MISSED, CLIENTS)} in"
        f" {got['took_s']:.2f} s, {busy:.2f} s of CPU"
    )


def _as_shipped() -> AbstractContextManager[Served]:
    return gepa_next(RATE_LIMIT_PER_MIN="600", MAX_SSE_CLIENTS=str(CLIENTS))


def through_nginx(seconds: float) -> None:
    """1,000 streams through nginx."""
    with gepa_next() as served, behind_nginx(served) as port:
        asked = Crowd(port=port, paths=_paths(served, CLIENTS), version="1.0")
        with crowd(asked) as clients:
            clients.tell(open=1)
            first = tell_all(served, clients, 1)
            tell_for(served, seconds, first + 1)
            last = first + int(seconds * EVENTS_PER_S) // JOBS
            got = clients.tell(until=last, at_most_s=TIMEOUT_S)
    print(f"{CLIENTS:,} streams through nginx: {_complete(got, last - first, CLIENTS)}, p99 {got['p99_ms']:.0f} ms")


def shutdown(_: float) -> None:
    """SIGTERM while 1,000 streams are open."""
    with gepa_next() as served, crowd(_crowd(served, CLIENTS)) as clients:
        clients.tell(open=1)
        tell_all(served, clients, 1)
        started = time.monotonic()
        os.kill(served.pids[0], signal.SIGTERM)
        while _listens(served.port) or len(family(served.pids[0])) > 1:
            time.sleep(PAUSE_S)
        took = time.monotonic() - started
        closed = clients.tell()["closed"]
    print(f"SIGTERM with {CLIENTS:,} streams open: out in {took:.2f} s, {closed:.0f} streams ended")


def health(seconds: float) -> None:
    """/v1/healthz while four jobs run flat out, on models that answer at once."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"DATABASE_PATH": str(Path(folder, "bench.sqlite3")), "MAX_CONCURRENT_JOBS": str(JOBS_BESIDE)}
        with running_server(given) as server, requests.Session() as session:
            for _ in range(QUEUED):
                _new_job(server.url)
            delays = []
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                started = time.perf_counter()
                session.get(f"{server.url}/v1/healthz", timeout=TIMEOUT_S)
                delays.append(1000 * (time.perf_counter() - started))
                time.sleep(PAUSE_S)
            running = session.get(f"{server.url}/v1/metricsz", timeout=TIMEOUT_S).json()["jobs_running"]
    delays.sort()
    quantiles = ", ".join(f"{name} {delays[int(at * (len(delays) - 1))]:.1f} ms" for name, at in QUANTILES.items())
    print(f"/v1/healthz beside {JOBS_BESIDE} jobs ({running:.0f} running at the end): {quantiles}")


def soak(minutes: float) -> None:
    """Load for as long as is asked, everybody connecting anew each minute; memory by the minute."""
    with gepa_next() as served, crowd(_crowd(served, CLIENTS)) as clients:
        clients.tell(open=1)
        last = tell_all(served, clients, 1)
        for minute in range(1, int(minutes) + 1):
            tell_for(served, 50, last + 1)
            last += 50 * EVENTS_PER_S // JOBS
            got = clients.tell(until=last, at_most_s=TIMEOUT_S)
            memory = pss_mib(served.pids)
            print(
                f"minute {minute}: {_complete(got, last, CLIENTS, since=last - 50 * EVENTS_PER_S // JOBS)},"
                f" p99 {got['p99_ms']:.0f} ms, {memory:.1f} MiB, {descriptors(served.pids)} descriptors",
                flush=True,
            )
            clients.tell(close=1)
            clients.tell(open=1)
            last = tell_all(served, clients, last + 1)


def _complete(got: Mapping[str, float], events: int, clients: int, *, since: int = 0) -> str:
    expected = (events - since) * clients
    whole = got["events"] == expected and not got["out_of_order"]
    return f"all {expected:,} events" if whole else f"{got['events']:,.0f} of {expected:,} events"


def _crowd(served: Served, clients: int, *, reads: bool = True) -> Crowd:
    return Crowd(port=served.port, paths=_paths(served, clients), reads=reads)


def _paths(served: Served, clients: int) -> list[str]:
    return [served.paths[number % JOBS] for number in range(clients)]


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _new_job(url: str) -> None:
    requests.post(f"{url}/v1/optimize", json={**body(60), "iterations": 100}, timeout=TIMEOUT_S).raise_for_status()


HARDSHIPS: Mapping[str, Callable[[float], None]] = MappingProxyType(
    {
        "slow": slow_readers,
        "storm": storm,
        "nginx": through_nginx,
        "shutdown": shutdown,
        "health": health,
        "flood": flooded,
    }
)


def stand(seconds: float, names: "list[str] | None" = None) -> None:
    """Go through all of them, or those named."""
    for name in names or HARDSHIPS:
        try:
            HARDSHIPS[name](seconds)
        except MissingError as error:
            print(f"{name}: not measured: {error}")
