"""What a rollout costs beside its model calls: the engine alone, and with ledger and store, with a model of no latency.

And what an iteration computes as candidates and examples become many.

make bench
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks import iterations
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.messages import target_messages
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.splits import default_sizes
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Budget, Completion, Example, ModelCall, Role
from gepa_next.metrics import METRICS, scoring_fingerprint
from gepa_next.models import JobSpec, Judge
from gepa_next.runner.job_run import JobRun
from gepa_next.runner.ledger import RoleModel
from gepa_next.runner.runner import FLUSH_S
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner
from gepa_next.store.new_jobs import NewJob, insert_job

ROUNDS = 5
NOBODY = RunnerIdentity(id="nobody", pid=0, pid_started_at=0, boot_id="")
EXAMPLES = tuple(Example(id=f"e{n}", input=f"Say {n}.", ideal=str(n)) for n in range(90))
SPEC = JobSpec(
    prompt="Answer.",
    target_model_id="bench",
    metric="exact_match",
    rubric="",
    iterations=30,
    population=4,
    minibatch=3,
    split=default_sizes(len(EXAMPLES)),
    budget=Budget(max_rollouts=10_000),
    seed=1,
)


class Instant:
    """A model of no latency whose every new prompt is a little better, so that the pool grows.

    It answers by the call alone: every run asks the same, whichever thread comes first.
    """

    def __call__(self, call: ModelCall) -> Completion:
        if call.role is Role.TARGET:
            known = call.messages[0].content.count("+")
            number = call.messages[-1].content[4:-1]
            return Completion(text=number if int(number) < known else "?")
        candidate = int(call.key.rpartition("/")[2])
        lesson = f"lesson {candidate}"
        if call.reply_type is AdditionReply:
            return Completion(text="", reply=AdditionReply(lesson=lesson, addition=f"+ + {candidate}"))
        return Completion(text="", reply=PromptReply(lesson=lesson, prompt=f"Answer. {'+' * (candidate % 89)}"))


def engine_alone() -> tuple[float, int]:
    model = Instant()
    state = State(SPEC.task(EXAMPLES))
    run = Run(
        state=state, model=model, fan_out=map, control=lambda _, reason=None: reason, metric=METRICS["exact_match"]()
    )
    started = time.perf_counter()
    for _ in optimize(run):
        pass
    return time.perf_counter() - started, state.rollouts_used


def through_the_runner() -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder, "bench.sqlite3"))
        insert_job(database, new_job("bench", SPEC))
        took = run_job(database, Instant())
        rollouts = get_job(database, "bench").rollouts
        database.close()
        return took, rollouts


def run_job(database: Database, model: LanguageModel) -> float:
    """Return how long the one job that is queued takes, with 50 threads; nobody else looks at the file meanwhile."""
    register_runner(database, NOBODY, now=0.0, monotonic=0.0)
    if (claim := claim_job(database, NOBODY, now=time.time())) is None:
        raise LookupError("no job is queued")
    models = {role: RoleModel(model_id="bench", ask=model) for role in Role}
    with ThreadPoolExecutor(50) as pool:
        run = JobRun(
            database=database,
            claim=claim,
            pool=pool,
            models_for=lambda *_: models,
            clock=time.time,
        )
        with flushing(database):
            started = time.perf_counter()
            run()
            return time.perf_counter() - started


@contextmanager
def flushing(database: Database) -> Iterator[None]:
    """Commit what nobody waits for as often as the runner does."""
    done = threading.Event()

    def flush() -> None:
        while not done.wait(FLUSH_S):
            database.flush()

    thread = threading.Thread(target=flush)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def new_job(job_id: str, spec: JobSpec) -> NewJob:
    return NewJob(
        id=job_id,
        token_id="",
        spec=spec,
        examples=EXAMPLES,
        judge=Judge(model_id="bench", fingerprint=scoring_fingerprint(spec, "bench")),
        simulated=True,
        created_at=time.time(),
        body_sha256="",
    )


def bare_calls(count: int) -> float:
    model, metric = Instant(), METRICS["exact_match"]()
    call = ModelCall(role=Role.TARGET, key="k", messages=target_messages("Answer.", "Say 1."))
    started = time.perf_counter()
    for place in range(count):
        metric(EXAMPLES[place % len(EXAMPLES)], model(call).text)
    return time.perf_counter() - started


def main() -> None:
    rows = [(engine_alone(), through_the_runner()) for _ in range(ROUNDS)]
    bare = median(bare_calls(alone[1]) / alone[1] for alone, _ in rows)
    engine = median(alone[0] / alone[1] for alone, _ in rows)
    whole = median(runner[0] / runner[1] for _, runner in rows)
    print(
        f"per rollout: bare call and metric {bare * 1e6:.0f} µs, engine {engine * 1e6:.0f} µs ({engine / bare:.1f} x),"
    )
    print(f"with ledger, store and threads {whole * 1e6:.0f} µs ({rows[0][1][1]} rollouts, every call written twice)")
    iterations.main()


if __name__ == "__main__":
    main()
