"""`gepa-next worker` with a fault: it kills or stops itself before, inside or after a commit of a kind.

FAULT is `KIND:NTH:before|inside|after:kill|stop`; KIND is the function whose unit of writing is committed. MUTANT names
a design mistake of tests/crash/mutants.py to make first.
"""

import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from gepa_next.cli import main
from gepa_next.llm.transport import Transport
from gepa_next.store.database import Database, Pending
from tests.crash.mutants import MUTANTS

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def install_fault(fault: str) -> None:
    kind, nth, moment, what = fault.split(":")
    seen: Counter[str] = Counter()
    commit = Database._commit_queue

    def strike() -> None:
        os.kill(os.getpid(), SIGNALS[what])
        # The lead of the next commit is not handed on before the signal has struck: it strikes between transactions.
        time.sleep(0.2)

    run = Pending.run

    def run_unit(self: Pending[Any], connection: Any) -> None:
        run(self, connection)
        if moment == "inside" and _kind(self) == kind:
            seen.update([kind])
            if seen[kind] == int(nth):
                strike()

    Pending.run = run_unit  # type: ignore[method-assign]  # the fault is the point
    if moment == "inside":
        return

    def commit_queue(self: Database) -> None:
        kinds = [_kind(unit) for unit in self._queue]
        seen.update(kinds)
        due = kind in kinds and seen[kind] >= int(nth) and not seen["struck"]
        seen["struck"] += due
        if due and moment == "before":
            strike()
        commit(self)
        if due and moment == "after":
            strike()

    Database._commit_queue = commit_queue  # type: ignore[method-assign]  # the fault is the point


def log_sends(path: str) -> None:
    """Write down when each request is sent, on the clock that all processes share."""
    post = Transport.post

    def logged(self: Transport, *arguments: Any, **options: Any) -> Any:
        with Path(path).open("a", encoding="ascii") as log:
            log.write(f"{time.monotonic()}\n")
        return post(self, *arguments, **options)

    Transport.post = logged  # type: ignore[method-assign]  # to look over its shoulder


def _kind(unit: Any) -> str:
    return str(unit._work.__qualname__).partition(".")[0]


if __name__ == "__main__":
    if mutant := os.environ.get("MUTANT"):
        MUTANTS[mutant]()
    if path := os.environ.get("SEND_LOG"):
        log_sends(path)
    if fault := os.environ.get("FAULT"):
        install_fault(fault)
    main(["worker"])
