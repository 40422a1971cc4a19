"""What a Dask cluster takes off the box: CPU time of the runner's process per model call and per metric.

make bench-cluster
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from statistics import median

from benchmarks.calls import CALL
from benchmarks.model_server import model_served
from gepa_next.cluster import Cluster
from gepa_next.elsewhere import Elsewhere
from gepa_next.gepa.ports import Metric
from gepa_next.gepa.types import Example
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.http import HttpModel
from gepa_next.llm.provider import Provider
from gepa_next.llm.remote import RemoteTransport, TransportLimits
from gepa_next.llm.turnstile import Lane, Turnstile
from gepa_next.metrics import METRICS
from gepa_next.metrics.remote import RemoteMetric

ROUNDS, CALLS, THREADS, WORKERS = 5, 400, 16, 2
LATENCY_S = 0.02
WORDS = (3_000, 20_000)  # of an answer, and of its ideal
PATIENCE_S = 60.0


def main() -> None:
    with cluster_of(WORKERS) as address, closing(Cluster(address)) as cluster, model_served(LATENCY_S) as url:
        tell("a model call", call_at(url, None), call_at(url, cluster), CALLS)
        for words in WORDS:
            metric = METRICS["rouge_l"]()
            text = " ".join(f"word{n * n % 97}" for n in range(words))
            example = Example(id="e", input="", ideal=text[::-1])
            tell(f"rouge_l of {words} words", scoring(metric, example, text),
                 scoring(RemoteMetric(metric, cluster), example, text), CALLS // 4)  # fmt: skip


def tell(what: str, here: Callable[[], object], there: Callable[[], object], count: int) -> None:
    """Print CPU time on the box and time in all of each, as medians of rounds that take turns."""
    rounds = [(measured(here, count), measured(there, count)) for _ in range(ROUNDS + 1)][1:]
    cpu_here, cpu_there = (median(each[side][0] for each in rounds) for side in (0, 1))
    took_here, took_there = (median(each[side][1] for each in rounds) for side in (0, 1))
    print(
        f"{what}: {cpu_here * 1e3:.2f} ms of CPU on the box, {cpu_there * 1e3:.2f} ms with the cluster;"
        f" {took_here * 1e3:.2f} and {took_there * 1e3:.2f} ms a piece, {THREADS} at once",
        flush=True,
    )


def measured(work: Callable[[], object], count: int) -> tuple[float, float]:
    """Return CPU time of this process and time in all, in s for each piece of work."""
    cpu, started = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: work(), range(count)))
    return (time.process_time() - cpu) / count, (time.perf_counter() - started) / count


def call_at(url: str, elsewhere: Elsewhere | None) -> Callable[[], object]:
    limits = TransportLimits(timeout_s=PATIENCE_S)
    transport = RemoteTransport(elsewhere, limits) if elsewhere else limits.transport()
    provider = Provider(Endpoint(url, "key"), transport=transport)
    model = HttpModel(provider=provider, model_id="bench", lane=Lane(Turnstile(), provider.throttle))
    return lambda: model(CALL)


def scoring(metric: Metric, example: Example, output: str) -> Callable[[], object]:
    return lambda: metric(example, output)


@contextmanager
def cluster_of(workers: int) -> Iterator[str]:
    """Start a scheduler and workers as processes of their own, and yield the scheduler's address."""
    started: list[subprocess.Popen[str]] = []
    try:
        address = start(started, "scheduler", "--port", "0", until="Scheduler at:").rpartition(" ")[2]
        for _ in range(workers):
            start(started, "worker", address, "--no-nanny", "--nthreads", str(THREADS), until="Registered to:")
        yield address
    finally:
        for each in reversed(started):
            each.kill()
            each.wait(PATIENCE_S)


def start(started: list[subprocess.Popen[str]], kind: str, *options: str, until: str) -> str:
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options, "--host", "127.0.0.1", "--no-dashboard"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    started.append(process)
    assert process.stderr is not None  # noqa: S101  # a pipe was asked for
    for line in process.stderr:
        if until in line:
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return line.strip()
    raise SystemExit(f"the {kind} does not start")


if __name__ == "__main__":
    main()
