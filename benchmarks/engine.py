"""What a rollout costs beside its model calls: the engine alone, and with ledger and store, with a model of no latency.

make bench
"""

import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from gepa_next.gepa.engine import optimize
from gepa_next.gepa.messages import target_messages
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.splits import default_sizes
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Budget, Completion, Example, ModelCall, Role
from gepa_next.metrics import METRICS
from gepa_next.models import JobSpec, Judge
from gepa_next.runner.ledger import RoleModel
from gepa_next.runner.runner import Runner
from gepa_next.store.database import Database
from gepa_next.store.jobs import NewJob, get_job, insert_job

ROUNDS = 5
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
    """A model of no latency whose every new prompt is a little better, so that the pool grows."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, call: ModelCall) -> Completion:
        self.calls += 1
        if call.role is Role.TARGET:
            known = call.messages[0].content.count("+")
            number = call.messages[-1].content[4:-1]
            return Completion(text=number if int(number) < known else "?")
        fields = {"lesson": f"lesson {self.calls}", "prompt": f"Answer. {'+' * (self.calls % 89)}", "addition": "+ +"}
        if call.reply_type is AdditionReply:
            return Completion(text="", reply=AdditionReply(lesson=fields["lesson"], addition=fields["addition"]))
        return Completion(text="", reply=PromptReply(lesson=fields["lesson"], prompt=fields["prompt"]))


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
        models = {role: RoleModel(model_id="bench", ask=Instant()) for role in Role}
        runner = Runner(database, lambda *_: models, concurrent_jobs=1, concurrent_calls=50)
        insert_job(database, new_job("bench", SPEC))
        changed = threading.Event()
        database.listen(changed.set)
        started = time.perf_counter()
        runner.start()
        while not (job := get_job(database, "bench")).status.terminal:
            changed.wait(30)
            changed.clear()
        took = time.perf_counter() - started
        runner.drain(5)
        database.close()
        return took, job.rollouts


def new_job(job_id: str, spec: JobSpec) -> NewJob:
    return NewJob(
        id=job_id,
        token_id="",
        spec=spec,
        examples=EXAMPLES,
        judge=Judge(model_id="", fingerprint=""),
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
    print(f"with ledger, store and threads {whole * 1e6:.0f} µs ({rows[0][1][1]} rollouts, every call committed twice)")


if __name__ == "__main__":
    main()
