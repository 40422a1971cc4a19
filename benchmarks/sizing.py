"""What a machine must have: memory, database, disk and CPU for streams, jobs, rollouts and calls.

make bench-sizing
"""

import json
import multiprocessing
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.calls import JOB_LATENCY_S, critical_path, job_took
from benchmarks.durability import Growing
from benchmarks.engine import SPEC, new_job, run_job
from benchmarks.model_server import model_served
from benchmarks.serve.crowd import Crowd, crowd
from benchmarks.serve.fan_out import tell_all
from benchmarks.serve.servers import DATA, gepa_next
from benchmarks.serve.usage import family, pss_mib
from benchmarks.server import running_server
from gepa_next.gepa.replies import JudgeReply
from gepa_next.gepa.splits import SplitSizes
from gepa_next.gepa.types import Budget, Completion, Example, ModelCall, Role
from gepa_next.models import JobSpec
from gepa_next.store.bank import upsert_examples
from gepa_next.store.database import Database
from gepa_next.store.events import append_event
from gepa_next.store.jobs import get_job
from gepa_next.store.new_jobs import insert_job

STREAMS, EVENTS, BANK, BATCH = 1_000, 10_000, 10_000, 500
SMALL = replace(SPEC, metric="judge", rubric="Is it right?", budget=Budget(max_rollouts=600))
LARGE = replace(  # as many candidates as shall be, each on as many of its examples as there are
    SMALL,
    iterations=25,
    minibatch=100,
    split=SplitSizes(train=100, validation=100, test=0),
    budget=Budget(max_rollouts=20_000),
)
MANY = replace(SMALL, iterations=1_000, population=100, budget=LARGE.budget)
SHORT, LONG = 0, 2_000  # characters that are added to each output


class Judged(Growing):
    """Is judged by a model too, and answers at some length."""

    def __init__(self, characters: int) -> None:
        self._more = " " + "word " * (characters // 5)

    def __call__(self, call: ModelCall) -> Completion:
        if call.role is Role.JUDGE:
            points = sum(map(ord, call.messages[-1].content)) % 11
            reply = JudgeReply(feedback="The number is not the one that was asked for.", score=points)
            return Completion(text=json.dumps({"feedback": reply.feedback, "score": points}), reply=reply)
        answer = super().__call__(call)
        return replace(answer, text=answer.text + self._more) if call.role is Role.TARGET else answer


def main() -> None:
    at_rest()
    streams()
    for name, spec, examples, characters in (
        ("90 candidates, 90 examples, short outputs", SMALL, 90, SHORT),
        ("90 candidates, 90 examples, outputs of 2 kB", SMALL, 90, LONG),
        ("100 candidates, 200 examples, short outputs", LARGE, 200, SHORT),
        ("100 candidates, 200 examples, outputs of 2 kB", LARGE, 200, LONG),
        ("as many candidates as can be, 200 examples, short outputs", MANY, 200, SHORT),
    ):
        print(f"a job of {name}: {told(alone(partial(job, spec, examples, characters)))}", flush=True)
    print(f"an event of {len(DATA)} bytes: {alone(events)['bytes']:.0f} bytes of database", flush=True)
    print(f"a bank example of 170 bytes: {alone(bank)['bytes']:.0f} bytes of database", flush=True)
    print(
        f"a rollout over HTTP, with proposals, ledger and store: {1e3 * alone(calls)['cpu_s']:.2f} ms of CPU",
        flush=True,
    )


def at_rest() -> None:
    """Print the memory of all processes that have done nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.sqlite3")
        with running_server({"DATABASE_PATH": str(path), "LOG_LEVEL": "ERROR"}) as server:
            print(f"at rest, all processes: {pss_mib(family(server.pid)):.0f} MiB", flush=True)


def streams() -> None:
    """Print what idle streams add to that."""
    with gepa_next(LOG_LEVEL="ERROR") as served:
        paths = [served.paths[n % len(served.paths)] for n in range(STREAMS)]
        with crowd(Crowd(port=served.port, paths=paths)) as clients:
            before = pss_mib(served.pids)
            clients.tell(open=1)
            tell_all(served, clients, 1)  # so that all of them are there
            above = pss_mib(served.pids) - before
    print(f"{STREAMS:,} idle streams: {above:.0f} MiB, {1024 * above / STREAMS:.0f} KiB each", flush=True)


def job(spec: JobSpec, examples: int, characters: int) -> Mapping[str, float]:
    """Run the job in this process, which has done nothing else, and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.sqlite3")
        with closing(Database(path)) as database:
            empty, before_mib, written = path.stat().st_size, peak_mib(), written_bytes()
            insert_job(database, replace(new_job("bench", spec), examples=tuple(described(examples))))
            run_job(database, Judged(characters))
            found = get_job(database, "bench")
            candidates = database.rows("SELECT count(*) FROM candidates")[0][0]
        # The last connection to be closed has written all of the log into the file.
        return {
            "peak_mib": peak_mib() - before_mib,
            "rollouts": found.rollouts,
            "candidates": candidates,
            "kept": (path.stat().st_size - empty) / found.rollouts,
            "written": (written_bytes() - written) / found.rollouts,
        }


def described(count: int) -> list[Example]:
    return [Example(id=f"e{n}", input=f"Say {n}.", ideal=str(n)) for n in range(count)]


def told(found: Mapping[str, float]) -> str:
    return (
        f"{found['rollouts']:.0f} rollouts, {found['candidates']:.0f} candidates, {found['peak_mib']:.0f} MiB at most;"
        f" a rollout keeps {found['kept']:.0f} bytes of database and writes {found['written'] / 1024:.1f} KiB to disk"
    )


def events() -> Mapping[str, float]:
    def fill(database: Database) -> None:
        insert_job(database, new_job("bench", SPEC))
        for first in range(0, EVENTS, BATCH):
            database.write(partial(tell, first=first))

    return {"bytes": grown_by(fill) / EVENTS}


def tell(db: sqlite3.Connection, *, first: int) -> None:
    for n in range(first, first + BATCH):
        append_event(db, "bench", key=f"told/{n}", kind="progress", now=time.time(), data=DATA)


def bank() -> Mapping[str, float]:
    examples = [
        Example(id=f"e{n:07}", input=f"{n:07} {'word ' * 28}", ideal="An ideal answer, short") for n in range(BANK)
    ]

    def fill(database: Database) -> None:
        for first in range(0, BANK, BATCH):
            upsert_examples(database, "bench", examples[first : first + BATCH], now=time.time())

    return {"bytes": grown_by(fill) / BANK}


def calls() -> Mapping[str, float]:
    """Return the CPU of a rollout: a run of the job before has imported and compiled everything."""
    _, rollouts = critical_path()
    with model_served(JOB_LATENCY_S) as url:
        job_took(url, rollouts)
        before = time.process_time()
        job_took(url, rollouts)
        return {"cpu_s": (time.process_time() - before) / rollouts}


def grown_by(fill: Callable[[Database], None]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.sqlite3")
        with closing(Database(path)) as database:
            fill(database)
        return path.stat().st_size


def alone(measure: Callable[[], Mapping[str, float]]) -> Mapping[str, float]:
    """Return what a process of its own finds, in which nothing else was."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def written_bytes() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))


if __name__ == "__main__":
    main()
