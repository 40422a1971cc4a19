"""`gepa-next worker` with a fault: it kills or stops itself before or after a commit of a kind.

FAULT is `KIND:NTH:before|after:kill|stop`; KIND is the function whose unit of writing is committed. MUTANT names
a design mistake of tests/crash/mutants.py to make first.
"""

import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from gepa_next.cli import main
from gepa_next.llm.provider import Provider
from gepa_next.store.database import Database
from tests.crash.mutants import MUTANTS

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def install_fault(fault: str) -> None:
    kind, nth, moment, what = fault.split(":")
    seen: Counter[str] = Counter()
    commit = Database._commit_queue

    def strike() -> None:
        os.kill(os.getpid(), SIGNALS[what])

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
    send = Provider.send

    def logged(self: Provider, *arguments: Any, **options: Any) -> Any:
        with Path(path).open("a", encoding="ascii") as log:
            log.write(f"{time.monotonic()}\n")
        return send(self, *arguments, **options)

    Provider.send = logged  # type: ignore[method-assign]  # to look over its shoulder


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
