"""A fault: its process kills or stops itself, or finds the disk full, before or after a commit of a kind.

It is written `KIND:NTH:before|after:kill|stop|fill`. KIND is the function whose unit of writing is committed, or
`migrate`. Before is at COMMIT itself, the last statement of the transaction, and late enough that whoever was told too
early that it is done has acted on it; after is when the commit is done and next to nothing else.
"""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gepa_next.store import database, migrate
from gepa_next.store.commit_queue import CommitQueue
from gepa_next.store.pending import Pending
from gepa_next.store.writer import Writer
from tests.crash.disk import fill

ACT_S = 0.2  # so long a request, or an answer to one, takes at most to be on its way
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Fault:
    """Strikes once: at the nth unit of its kind."""

    def __init__(self, text: str) -> None:
        self.kind, nth, self.moment, self.what = text.split(":")
        self.nth = int(nth)
        self.seen = 0
        self.unit: Pending[Any] | None = None

    def is_due(self, kind: str) -> bool:
        self.seen += kind == self.kind
        return kind == self.kind and self.seen >= self.nth

    def struck_unit(self) -> bool:
        """Say whether the transaction has a unit that the fault is for, which is not undone by an error."""
        unit, self.unit = self.unit, None
        return unit is not None and unit.error is None

    def strike(self) -> None:
        self.kind = "none any more"
        if self.what == "fill":
            fill(os.getpid(), Path(os.environ["DATABASE_PATH"]))
            return
        # The whole group: gunicorn's parent would start another worker with the same fault.
        os.killpg(os.getpgrp(), SIGNALS[self.what])
        # The lead of the next commit is not handed on before the signal has struck: it strikes between transactions.
        time.sleep(ACT_S)


def install(fault: Fault) -> None:
    """Have the process meet the fault."""
    if fault.kind == "migrate":
        strike_in_migration(fault)
    else:
        strike_at_commit(fault)


def strike_at_commit(fault: Fault) -> None:
    run, run_batch, commit = Pending.run, Writer._run, CommitQueue._commit_all

    def run_unit(self: Pending[Any], connection: sqlite3.Connection) -> None:
        run(self, connection)
        if self.error is None and fault.is_due(kind_of(self._work)):
            fault.unit = self

    def run_and_strike(self: Writer, *batch_and_time: Any) -> None:
        run_batch(self, *batch_and_time)
        if fault.moment == "before" and fault.struck_unit():
            time.sleep(ACT_S)
            fault.strike()

    def commit_and_strike(self: CommitQueue) -> None:
        commit(self)
        if fault.struck_unit():
            fault.strike()

    Pending.run = run_unit  # type: ignore[method-assign]  # the fault is the point
    Writer._run = run_and_strike  # type: ignore[method-assign]  # as above
    CommitQueue._commit_all = commit_and_strike  # type: ignore[method-assign]  # as above


def strike_in_migration(fault: Fault) -> None:
    """Strike before the nth statement, or after all of them are committed."""
    statements, whole = migrate._statements, migrate.migrate

    def counted(script: str) -> Iterator[str]:
        for statement in statements(script):
            if fault.moment == "before" and fault.is_due("migrate"):
                fault.strike()
            yield statement

    def migrated(connection: sqlite3.Connection) -> None:
        whole(connection)
        if fault.moment == "after":
            fault.strike()

    migrate._statements = counted
    database.migrate = migrated  # type: ignore[attr-defined]  # the fault is the point


def kind_of(work: Callable[..., Any]) -> str:
    """Return the name of the function whose unit of writing it is."""
    named = getattr(work, "func", work)
    return str(named.__qualname__).partition(".")[0]
