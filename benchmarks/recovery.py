"""How soon the jobs of a runner that died run again, a hundred of them at once.

make bench
"""

import json
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace

from benchmarks.durability import Slow, opened
from benchmarks.engine import NOBODY, SPEC, new_job
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.runner.ledger import RoleModel
from gepa_next.runner.runner import Runner
from gepa_next.store.database import Database
from gepa_next.store.housekeeping import PARTS
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import claim_job, register_runner
from gepa_next.store.new_jobs import insert_job

JOBS = 100
LATENCY_S = 0.02


def main() -> None:
    """Print how soon the jobs of a runner that died all run again: just begun, and in the middle of their run."""
    for iterations in (0, 10):
        with opened() as database:
            insert_job(database, new_job("job-0", SPEC))
            if iterations:
                run_until(database, "job-0", iterations)
            copy_job(database, "job-0", [f"job-{n}" for n in range(1, JOBS)])
            register_runner(database, NOBODY, now=0.0, monotonic=0.0)
            while claim_job(database, NOBODY, now=0.0):
                pass
            reached = get_job(database, "job-0").iteration
            asked_s, sent_s = time_to_recover(database)
        print(
            f"recovery: {JOBS} jobs of a dead runner, {reached} iterations complete: taken over in {asked_s:.2f} s,"
            f" the last of them sent its first new call after {sent_s:.2f} s",
            flush=True,
        )


def time_to_recover(database: Database) -> tuple[float, float]:
    """Return how long a runner takes until each job has asked for its models, and until each has sent a call."""
    asked, sent = Roll(), Roll()

    def models_for(job_id: str, *_: object) -> dict[Role, RoleModel]:
        asked.sign(job_id)
        slow = Written(LATENCY_S)

        def ask(call: ModelCall) -> Completion:
            sent.sign(job_id)
            return slow(call)

        return {role: RoleModel(model_id="bench", ask=ask) for role in Role}

    runner = Runner(database, models_for, concurrent_jobs=JOBS, concurrent_calls=50)
    started = time.perf_counter()
    runner.start()
    taken = asked.full_at() - started, sent.full_at() - started
    runner.drain(5)
    return taken


class Roll:
    """Knows when every job has signed."""

    def __init__(self) -> None:
        self._signed: set[str] = set()
        self._full = threading.Event()
        self._at = 0.0

    def sign(self, job_id: str) -> None:
        self._signed.add(job_id)
        if len(self._signed) == JOBS and not self._full.is_set():
            self._at = time.perf_counter()
            self._full.set()

    def full_at(self) -> float:
        """Wait for it, and return when it was."""
        if not self._full.wait(60):
            raise TimeoutError(f"only {len(self._signed)} jobs run again")
        return self._at


def run_until(database: Database, job_id: str, iterations: int) -> None:
    """Run the job until so many iterations are complete, and then no further."""
    models = {role: RoleModel(model_id="bench", ask=Written(0.0)) for role in Role}
    runner = Runner(database, lambda *_: models, concurrent_jobs=1, concurrent_calls=50)
    runner.start()
    while get_job(database, job_id).iteration < iterations:
        time.sleep(0.005)
    runner.drain(5)


def copy_job(database: Database, job_id: str, others: Sequence[str]) -> None:
    """Have other jobs that came to the same point."""

    def unit(db: sqlite3.Connection) -> None:
        for table in ("jobs", *(table for table in PARTS if table != "idempotency")):
            key = "id" if table == "jobs" else "job_id"
            names = [row["name"] for row in db.execute(f"PRAGMA table_info({table})")]
            kept = ", ".join(name for name in names if name not in {key, "sequence"})
            copy = f"INSERT INTO {table} ({key}, {kept}) SELECT ?, {kept} FROM {table} WHERE {key} = ?"  # noqa: S608 - ours
            db.executemany(copy, [(other, job_id) for other in others])

    database.write(unit)


class Written(Slow):
    """Writes its replies out, so that they can be read again in the ledger."""

    def __call__(self, call: ModelCall) -> Completion:
        answer = super().__call__(call)
        if isinstance(answer.reply, PromptReply | AdditionReply):
            return replace(answer, text=json.dumps(asdict(answer.reply)))
        return answer


if __name__ == "__main__":
    main()
