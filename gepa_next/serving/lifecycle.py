"""What a worker of the web process does before it serves, and how it leaves: streams first, then connections."""

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gepa_next.app import LAST_REQUESTS_S, LOOK_S, begin_shutdown, close_app, spare_what_is_loaded, start_meter
from gepa_next.config import Settings
from gepa_next.serving.refusals import answer_unread


def make_ready(worker: Any, *, settings: Settings) -> None:  # Any: gunicorn has no types
    """Start what runs beside the worker, whichever was asked for, and have it leave on SIGTERM."""
    worker.handle_error = partial(answer_unread, worker.log)
    spare_what_is_loaded()
    start_meter(worker.wsgi)
    stop = signal.getsignal(signal.SIGTERM)
    told = threading.Event()

    def leave_when_told() -> None:
        # gevent runs signal handlers where nothing may block, so the handler only raises a flag.
        while not told.wait(LOOK_S):
            pass
        begin_shutdown(worker.wsgi, settings=settings)
        if callable(stop):
            stop(signal.SIGTERM, None)
        _answer_the_last(getattr(worker, "finish", None))
        close_app(worker.wsgi)
        os._exit(0)

    signal.signal(signal.SIGTERM, lambda _signum, _frame: told.set())
    # Ctrl-C reaches every process of a terminal; the master turns it into SIGQUIT for its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, lambda _signum, _frame: told.set())
    threading.Thread(target=leave_when_told, name="shutdown", daemon=True).start()


def _answer_the_last(finish: Callable[..., None] | None) -> None:
    """Let whoever still talks end; idle keep-alive connections would hold the worker."""
    if finish is not None:
        finish(at_most_s=LAST_REQUESTS_S)
    else:  # another worker than ours has been asked for
        time.sleep(LAST_REQUESTS_S)
