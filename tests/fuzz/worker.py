"""A runner in a process of its own that can be killed; forked from a process that has everything loaded already."""

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from gepa_next.app import create_runner
from gepa_next.store.database import Database
from tests.support.service import settings_for

TIMEOUT_S = 30.0
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def start_worker(folder: Path) -> ForkServerProcess:
    """Return a process that runs the jobs of the service in the folder."""
    ours, theirs = _FORKS.Pipe()
    process = _FORKS.Process(target=_run, args=(folder, theirs), daemon=True)
    process.start()
    with ours, theirs:
        assert ours.poll(TIMEOUT_S), "it does not start"  # before that it could not be told to drain
    return process


def kill(process: ForkServerProcess) -> None:
    """End it at once, whatever it does."""
    process.kill()
    process.join(TIMEOUT_S)


def drain(process: ForkServerProcess) -> None:
    """Have it put its jobs back and end."""
    process.terminate()
    process.join(TIMEOUT_S)
    assert process.exitcode == 0


def _run(folder: Path, listening: Connection) -> None:
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    listening.send("ready")
    database = Database(settings_for(folder).database_path)
    runner = create_runner(settings_for(folder), database)
    runner.start()
    while not told.wait(0.1):
        pass
    runner.drain(1.0)
    database.close()
    os._exit(0)  # without what the process of the tests would do at its end
