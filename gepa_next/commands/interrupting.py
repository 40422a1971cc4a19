"""Ctrl-C ends a command within moments, whatever it waits for."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

WITHIN_S = 2.0
EVERY_S = 0.05
NUDGE = signal.SIGALRM


@contextmanager
def interruptible(code: int, within_s: float = WITHIN_S) -> Iterator[None]:
    """Have SIGINT raise KeyboardInterrupt whatever is waited for; exit with the code if that has not ended it in time.

    Python looks for signals between its instructions and when a system call is interrupted. One that comes after the
    last look and before the call waits as long as the call does: for ever, if it reads a pipe to which nobody writes.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # as Python asks for
    over = threading.Event()
    handler = signal.signal(NUDGE, lambda _number, _frame: None)
    told = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_see_to_it, args=(reading, over, code, within_s), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(told)
        os.close(writing)
        watcher.join()
        os.close(reading)
        signal.signal(NUDGE, handler)


def _see_to_it(signals: int, over: threading.Event, code: int, within_s: float) -> None:
    """Interrupt what the main thread waits for until it has seen the signal; end the process if it never does."""
    while (number := os.read(signals, 1)) != bytes([signal.SIGINT]):
        if not number:
            return
    for _ in range(round(within_s / EVERY_S)):
        if over.wait(EVERY_S):
            return
        signal.pthread_kill(threading.main_thread().ident or 0, NUDGE)
    os._exit(code)
