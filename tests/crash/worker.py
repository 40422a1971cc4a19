"""`gepa-next worker` with a fault: it kills or stops itself before, inside or after a commit of a kind.

FAULT is `KIND:NTH:before|inside|after:kill|stop`; KIND is the function whose unit of writing is committed. MUTANT names
a design mistake of tests/crash/mutants.py to make first.
"""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gepa_next.cli import main
from gepa_next.llm.transport import Transport
from gepa_next.store.database import Database
from gepa_next.store.pending import Pending
from tests.crash.mutants import MUTANTS

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Fault:
    """Strikes once: at the nth unit of a kind, before its commit, inside it or after."""

    def __init__(self, text: str) -> None:
        self.kind, nth, self.moment, self.what = text.split(":")
        self.nth = int(nth)
        self.seen = 0
        self.struck = False

    def is_due(self, kinds: Sequence[str]) -> bool:
        self.seen += kinds.count(self.kind)
        return self.kind in kinds and self.seen >= self.nth and not self.struck

    def strike(self) -> None:
        self.struck = True
        os.kill(os.getpid(), SIGNALS[self.what])
        # The lead of the next commit is not handed on before the signal has struck: it strikes between transactions.
        time.sleep(0.2)


def strike_inside(fault: Fault) -> None:
    run = Pending.run

    def run_unit(self: Pending[Any], connection: Any) -> None:
        run(self, connection)
        if fault.is_due([_kind(self)]):
            fault.strike()

    Pending.run = run_unit  # type: ignore[method-assign]  # the fault is the point


def strike_around(fault: Fault) -> None:
    commit = Database._commit_queue

    def commit_queue(self: Database) -> None:
        due = fault.is_due([_kind(unit) for unit in self._queue])
        if due and fault.moment == "before":
            fault.strike()
        commit(self)
        if due and fault.moment == "after":
            fault.strike()

    Database._commit_queue = commit_queue  # type: ignore[method-assign]  # the fault is the point


def log_sends(path: str) -> None:
    """Write down when each request is sent, on the clock that all processes share."""
    post = Transport.post

    def logged(self: Transport, *arguments: Any, **options: Any) -> Any:
        at = time.monotonic()  # first of all: opening the log takes longer than what is measured
        with Path(path).open("a", encoding="ascii") as log:
            log.write(f"{at}\n")
        return post(self, *arguments, **options)

    Transport.post = logged  # type: ignore[method-assign]  # to look over its shoulder


def _kind(unit: Any) -> str:
    return str(unit._work.__qualname__).partition(".")[0]


if __name__ == "__main__":
    if mutant := os.environ.get("MUTANT"):
        MUTANTS[mutant]()
    if path := os.environ.get("SEND_LOG"):
        log_sends(path)
    if text := os.environ.get("FAULT"):
        planned = Fault(text)
        install = strike_inside if planned.moment == "inside" else strike_around
        install(planned)
    main(["worker"])
