"""What durability costs: checkpoints as the pool grows, the ledger beside a model that waits, recovery of 100 jobs.

make bench
"""

import tempfile
import threading
import time
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
from gepa_next.runner.runner import Runner
from gepa_next.runner.tenure import Tenure
from gepa_next.store.database import Database
from gepa_next.store.jobs import insert_job
from gepa_next.store.leases import claim_job, register_runner
from gepa_next.store.ledger import Holder
from gepa_next.store.runs import Progress, record_step

LATENCIES_S = {0.02: 7, 0.1: 3}  # with how many rounds
JOBS = 100
SIZES = {
    "490 calls, 12 in flight on average": replace(SPEC, iterations=10),
    "1,496 calls, 35 in flight on average": replace(SPEC, iterations=4, population=16, minibatch=6),
}
PROGRESS = Progress(iteration=0, rollouts=0, seed_score=None, best_score=None, best_candidate_id=0)


def main() -> None:
    checkpoints()
    ledger()
    recovery()


def checkpoints() -> None:
    """Print what committing the checkpoint of an iteration costs while the pool is small and when it is large."""
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
        costs: list[tuple[int, float]] = []
        for step in optimize(run):
            pending = record_step(database, "bench", epoch=epoch, step=step, progress=PROGRESS, now=0.0)
            started = time.perf_counter()
            pending.result()
            if step.stage == "iteration":
                costs.append((len(state.candidates), time.perf_counter() - started))
        small = median(cost for pool, cost in costs if pool <= 150)
        large = median(cost for pool, cost in costs[-10:])
    print(
        f"checkpoint of an iteration: {large / small:.2f} x as the pool grows from 50 to {costs[-1][0]} candidates"
        f" ({small * 1e3:.2f} ms to {large * 1e3:.2f} ms)",
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


def recovery() -> None:
    """Print how soon the jobs of a runner that died all run again."""
    with opened() as database:
        for place in range(JOBS):
            insert_job(database, new_job(f"job-{place}", SPEC))
        register_runner(database, NOBODY, now=0.0, monotonic=0.0)
        while claim_job(database, NOBODY, now=0.0):
            pass
        asked: set[str] = set()
        all_asked = threading.Event()

        def models_for(job_id: str, *_: object) -> dict[Role, RoleModel]:
            asked.add(job_id)
            if len(asked) == JOBS:
                all_asked.set()
            return {role: RoleModel(model_id="bench", ask=Slow(0.02)) for role in Role}

        runner = Runner(database, models_for, concurrent_jobs=JOBS, concurrent_calls=50)
        started = time.perf_counter()
        runner.start()
        all_asked.wait(60)
        print(f"recovery: {len(asked)} jobs of a dead runner running again in {time.perf_counter() - started:.2f} s")
        runner.drain(5)


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
