"""What durability costs: commits as the pool grows, the ledger beside a model that waits.

make bench
"""

import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.engine import EXAMPLES, NOBODY, SPEC, Instant, flushing, new_job, run_job
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.run import Run
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Budget, Completion, ModelCall, Role
from gepa_next.metrics import METRICS
from gepa_next.models import JobSpec
from gepa_next.runner.fan_out import PooledFanOut
from gepa_next.runner.ledger import LedgerModel, RoleModel
from gepa_next.runner.tenure import Tenure
from gepa_next.store.database import Database
from gepa_next.store.leases import claim_job, register_runner
from gepa_next.store.ledger import Holder
from gepa_next.store.new_jobs import insert_job
from gepa_next.store.runs import Progress, record_step

LATENCIES_S = {0.02: 7, 0.1: 3}  # with how many rounds
SMALL_POOL = 150
SIZES = {
    "490 calls, 12 in flight on average": replace(SPEC, iterations=10),
    "1,496 calls, 35 in flight on average": replace(SPEC, iterations=4, population=16, minibatch=6),
}
PROGRESS = Progress(iteration=0, rollouts=0, seed_score=None, best_score=None, best_candidate_id=0)


def main() -> None:
    checkpoints()
    ledger()


def checkpoints() -> None:
    """Print how much computing all commits of an iteration take while the pool is small and when it is large."""
    spec = replace(SPEC, iterations=110, population=10, budget=Budget(max_rollouts=10**6, target_score=1.0))
    with opened() as database:
        insert_job(database, new_job("bench", spec))
        register_runner(database, NOBODY, now=0.0, monotonic=0.0)
        claim = claim_job(database, NOBODY, now=0.0)
        epoch = claim.epoch if claim else 0
        state = State(spec.task(EXAMPLES))
        run = Run(
            state=state,
            model=Growing(),
            fan_out=map,
            control=lambda _, reason=None: reason,
            metric=METRICS["exact_match"](),
        )
        costs, commits, pool = defaultdict[int, float](float), Counter[int](), dict[int, int]()
        for step in optimize(run):
            started = time.thread_time()  # without the disk, which takes as long for few rows as for many
            record_step(database, "bench", epoch=epoch, step=step, progress=PROGRESS, now=0.0).result()
            costs[state.iteration] += time.thread_time() - started
            commits[state.iteration] += 1
            pool[state.iteration] = len(state.candidates)
    whole = sorted(costs)[1:-2]  # neither the seed's nor the last, with the final test
    few, many = [n for n in whole if 50 <= pool[n] <= SMALL_POOL], whole[-10:]
    small, large = (median(costs[n] for n in iterations) for iterations in (few, many))
    print(
        f"computing of all commits of an iteration: {large / small:.2f} x as the pool grows from 50 to"
        f" {pool[many[-1]]} candidates ({small * 1e3:.1f} ms to {large * 1e3:.1f} ms,"
        f" {median(commits[n] for n in few):.0f} and {median(commits[n] for n in many):.0f} commits)",
        flush=True,
    )


def ledger() -> None:
    """Print how much longer a run takes with the ledger, and with ledger and store, than the engine alone."""
    for name, spec in SIZES.items():
        for latency_s, rounds in LATENCIES_S.items():
            ways = (alone, with_ledger, durable)
            rows = [[way(spec, latency_s) for way in ways] for _ in range(rounds)]
            ledger, store = (median(row[way] / row[0] for row in rows) for way in (1, 2))
            took_s = median(row[0] for row in rows)
            print(
                f"engine with a {latency_s * 1e3:.0f} ms model, {name}: {ledger:.3f} x with the ledger,"
                f" {store:.3f} x with ledger and store, against {took_s:.2f} s",
                flush=True,
            )


def alone(spec: JobSpec, latency_s: float) -> float:
    return run_engine(spec, Slow(latency_s), let_go=threading.Event())


def with_ledger(spec: JobSpec, latency_s: float) -> float:
    with opened() as database:
        insert_job(database, new_job("bench", spec))
        register_runner(database, NOBODY, now=0.0, monotonic=0.0)
        if (claim := claim_job(database, NOBODY, now=0.0)) is None:
            raise LookupError("no job is queued")
        holder, let_go = Holder(job_id="bench", epoch=claim.epoch), threading.Event()
        model = LedgerModel(
            Tenure(database, holder, let_go=let_go),
            {role: RoleModel(model_id="bench", ask=Slow(latency_s)) for role in Role},
            clock=time.time,
            brake=lambda: None,
        )
        with flushing(database):
            return run_engine(spec, model, let_go=let_go)


def run_engine(spec: JobSpec, model: LanguageModel, *, let_go: threading.Event) -> float:
    with ThreadPoolExecutor(50) as pool:
        run = Run(
            state=State(spec.task(EXAMPLES)),
            model=model,
            fan_out=PooledFanOut(pool, let_go=let_go),
            control=lambda _, reason=None: reason,
            metric=METRICS["exact_match"](),
        )
        started = time.perf_counter()
        for _ in optimize(run):
            pass
        return time.perf_counter() - started


def durable(spec: JobSpec, latency_s: float) -> float:
    with opened() as database:
        insert_job(database, new_job("bench", spec))
        return run_job(database, Slow(latency_s))


@contextmanager
def opened() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder, "bench.sqlite3"), gate_timeout_s=30)
        yield database
        database.close()


class Slow(Instant):
    """Answers after a while."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s

    def __call__(self, call: ModelCall) -> Completion:
        time.sleep(self._latency_s)
        return super().__call__(call)


class Growing(Instant):
    """Has every proposal accepted: a prompt is as good as it is new."""

    def __call__(self, call: ModelCall) -> Completion:
        if call.role is not Role.TARGET:
            return super().__call__(call)
        generation = call.messages[0].content.count("\n\n")
        number = int(call.messages[-1].content[4:-1])
        return Completion(text=str(number) if (number * 7919 + generation) % 3 == 0 else "?")


if __name__ == "__main__":
    main()
