"""1,000 streams on 20 jobs at 100 events a second: what it costs us and others, in one run."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from benchmarks.serve.crowd import Crowd, CrowdProcess, crowd
from benchmarks.serve.servers import (
    JOBS,
    MissingError,
    Served,
    flask_sse,
    gepa_next,
    nchan,
    sse_starlette,
)
from benchmarks.serve.usage import cpu_s, pss_mib

CLIENTS, EVENTS_PER_S, AT_MOST_S, ATTEMPTS = 1_000, 100, 30.0, 6
SERVERS: dict[str, Callable[[], AbstractContextManager[Served]]] = {
    "gepa-next": gepa_next,
    "uvicorn, sse-starlette": lambda: sse_starlette("--loop asyncio --http h11"),
    "the same with uvloop and httptools": sse_starlette,
    "flask-sse, gunicorn with gevent, Redis": flask_sse,
    "nginx, nchan (C)": nchan,
}


def compare(*, seconds: float) -> None:
    """Print a row of Markdown for each server that is installed."""
    print("| server | delivered | events per CPU second | CPU | p50 | p99 | memory above idle | 1,000 idle |")
    print("|---|---|---|---|---|---|---|---|")
    for name, start in SERVERS.items():
        try:
            with start() as served:
                print(f"| {name} | {row(served, seconds=seconds)} |", flush=True)
        except MissingError as error:
            print(f"| {name} | not measured: {error} |", flush=True)


def row(served: Served, *, seconds: float) -> str:
    """Return the cells of one server."""
    before = pss_mib(served.pids)
    paths = [served.paths[number % JOBS] for number in range(CLIENTS)]
    with crowd(Crowd(port=served.port, paths=paths)) as clients:
        clients.tell(open=1)
        first = tell_all(served, clients, 1)
        idle = used(served, lambda: time.sleep(seconds))
        clients.tell()
        busy = used(served, lambda: tell_for(served, seconds, first + 1))
        expected = int(seconds * EVENTS_PER_S) // JOBS * CLIENTS
        got = clients.tell(until=first + int(seconds * EVENTS_PER_S) // JOBS, at_most_s=AT_MOST_S)
        above = pss_mib(served.pids) - before
    complete = "all" if got["events"] == expected and not got["out_of_order"] else f"{got['events']:.0f} of {expected}"
    return (
        f"{complete} | {got['events'] / busy:,.0f} | {100 * busy / seconds:.1f} % | {got['p50_ms']:.0f} ms"
        f" | {got['p99_ms']:.0f} ms | {above:.0f} MiB | {100 * idle / seconds:.2f} %"
    )


def used(served: Served, work: Callable[[], object]) -> float:
    """Return the CPU seconds of the server while the work is done."""
    before = cpu_s(served.pids)
    work()
    return cpu_s(served.pids) - before


def tell_all(served: Served, clients: CrowdProcess, event_id: int) -> int:
    """Tell each job's followers something until all have it: who subscribes late misses what is not kept."""
    for attempt in range(event_id, event_id + ATTEMPTS):
        for place in range(JOBS):
            served.tell(place, attempt)
        if clients.tell(until=attempt, at_most_s=5.0)["took_s"] < 5.0:
            return attempt
    raise SystemExit("not everybody could subscribe")


def tell_for(served: Served, seconds: float, first: int) -> None:
    """Tell of one job after the other, evenly, so many events a second in all."""
    started = time.monotonic()
    for number in range(int(seconds * EVENTS_PER_S)):
        served.tell(number % JOBS, first + number // JOBS)
        time.sleep(max(0.0, started + (number + 1) / EVENTS_PER_S - time.monotonic()))
