"""A process of the service with a fault in it: `web`, or a command of `gepa-next` such as `worker`.

FAULT has one fault or a few, MUTANT names a design mistake of tests/crash/mutants.py to make first, and SEND_LOG is
a file that is to tell when each request was sent.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from gunicorn.app.wsgiapp import run

from gepa_next.cli import main
from tests.crash.faults import Fault, install


def serve() -> None:
    """Become the web process, as `gepa-next serve` does once it has its socket."""
    sys.argv = ["gunicorn", "-c", "python:gepa_next.gunicorn_conf"]
    run()


def log_sends(path: str) -> None:
    """Write down when each request is sent, on the clock that all processes share."""
    from gepa_next.llm.transport import Transport  # noqa: PLC0415 - the web process must not have loaded requests

    post = Transport.post

    def logged(self: Transport, *arguments: Any, **options: Any) -> Any:
        at = time.monotonic()  # first of all: opening the log takes longer than what is measured
        with Path(path).open("a", encoding="ascii") as log:
            log.write(f"{at}\n")
        return post(self, *arguments, **options)

    Transport.post = logged  # type: ignore[method-assign]  # to look over its shoulder


def make_mistake(name: str) -> None:
    from tests.crash.mutants import MUTANTS  # noqa: PLC0415 - as above

    MUTANTS[name]()


if __name__ == "__main__":
    if mutant := os.environ.get("MUTANT"):
        make_mistake(mutant)
    if log_path := os.environ.get("SEND_LOG"):
        log_sends(log_path)
    for fault in os.environ.get("FAULT", "").split():
        install(Fault(fault))
    if sys.argv[1:] == ["web"]:
        serve()
    else:
        main(sys.argv[1:])
