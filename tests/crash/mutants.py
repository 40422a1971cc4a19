"""The nine design mistakes of durable runners, each made on purpose to show that the harness sees it."""

import itertools
import random
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import as_completed
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from gepa_next.gepa import operators, sampling
from gepa_next.gepa.proposers import demonstrate
from gepa_next.runner import fan_out, ledger, recording, runner, tenure
from gepa_next.store import events, leases, runs
from gepa_next.store import ledger as stored
from gepa_next.store.commit_queue import CommitQueue
from gepa_next.store.database import Database
from gepa_next.store.pending import Pending
from gepa_next.store.writer import Batch, Writer


def counter_keys() -> None:
    """Name calls by a counter instead of by their place in the run."""
    numbers = itertools.count(1)
    ask = ledger.LedgerModel.__call__

    def ask_numbered(self: Any, call: Any) -> Any:
        return ask(self, replace(call, key=f"call-{next(numbers)}"))

    ledger.LedgerModel.__call__ = ask_numbered  # type: ignore[assignment, method-assign]  # the mistake is the point


def shared_random() -> None:
    """Draw every decision from one stream, which a replay does not begin where the first run did."""
    stream = random.Random(1)
    for module in (sampling, operators, demonstrate):
        module.stream = lambda *_: stream  # type: ignore[attr-defined]


def builtin_hash() -> None:
    """Seed decisions with hash(), which differs from process to process."""

    def stream(state: Any, purpose: str, place: object = "") -> random.Random:
        return random.Random(hash((state.task.seed, state.iteration, purpose, str(place))))

    for module in (sampling, operators, demonstrate):
        module.stream = stream  # type: ignore[attr-defined]


def completion_order() -> None:
    """Take results in the order in which calls finish."""

    def call(self: Any, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        futures = [self._pool.submit(copy_context().run, function, item) for item in items]
        return [future.result() for future in as_completed(futures)]

    fan_out.PooledFanOut.__call__ = call  # type: ignore[method-assign]


def two_transactions() -> None:
    """Commit an event in one transaction and what belongs to it in another."""
    record = runs.record_step

    def record_in_two(database: Database, job_id: str, **parts: Any) -> Any:
        kept = runs._insert_delta
        runs._insert_delta = lambda *_: None
        try:
            pending = record(database, job_id, **parts)
            written = pending.result()
        finally:
            runs._insert_delta = kept
        if written:
            row = database.row("SELECT last_event_id FROM jobs WHERE id = ?", (job_id,))

            def insert_delta(db: sqlite3.Connection) -> None:
                kept(db, job_id, row["last_event_id"], parts["step"].delta)

            database.write(insert_delta)
        return pending

    recording.record_step = record_in_two


def early_acknowledgement() -> None:
    """Tell writers that what they wrote is done when all but COMMIT is."""

    def run(self: Writer, batch: Batch, until: float) -> None:
        original(self, batch, until)
        for unit in batch:
            unit.settle()

    original = Writer._run
    Writer._run = run  # type: ignore[method-assign]


def late_outcome() -> None:
    """Tell a writer that its outcome is queued before it is, so that what follows from it is committed first."""

    def submit(
        self: CommitQueue, unit: Callable[[sqlite3.Connection], Any], *, keep: bool = False, timed: bool = True
    ) -> Any:
        if not unit.__qualname__.startswith("end_call"):
            return original(self, unit, keep=keep, timed=timed)
        later = threading.Timer(0.05, original, args=(self, unit), kwargs={"keep": keep})
        later.daemon = True
        later.start()
        acknowledged = Pending(unit, self, keep=False)
        acknowledged._value = None
        acknowledged.settle()
        return acknowledged

    original = CommitQueue.submit
    CommitQueue.submit = submit  # type: ignore[method-assign]


def no_natural_keys() -> None:
    """Give every event a key of its own, so that a replay writes it again."""
    append = events.append_event

    def append_anew(db: Any, job_id: str, *, key: str, **parts: Any) -> Any:
        return append(db, job_id, key=f"{key}/{uuid.uuid4()}", **parts)

    for module in (runs, leases):
        module.append_event = append_anew  # type: ignore[attr-defined]


def no_fence() -> None:
    """Write whoever owns the job."""
    runs.fence = lambda *_, **__: None
    stored._INTEND = stored._INTEND.replace("owner_epoch = ? AND status = 'running'", "? > 0")
    stored.refuse_strangers = lambda *_, **__: None
    stored._owns = lambda *_: True
    tenure.still_held = lambda *_: True
    runner.lost_jobs = lambda *_: set()


MUTANTS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        counter_keys,
        shared_random,
        builtin_hash,
        completion_order,
        two_transactions,
        early_acknowledgement,
        late_outcome,
        no_natural_keys,
        no_fence,
    )
}
