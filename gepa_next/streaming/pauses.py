"""Pauses between the tailer's looks at the event table."""

import threading
import time

LOOK_S, QUIET_LOOK_S, QUIET_AFTER_S = 0.05, 0.1, 1.0


def look_after_s(silent_s: float) -> float:
    """Return when to look again after so long without an event: to wake up is nearly all that idle streams cost."""
    return LOOK_S if silent_s < QUIET_AFTER_S else QUIET_LOOK_S


def pause(pause_s: float, wake: threading.Event | None) -> None:
    """Wait so long; a pause of silence ends at once when the tailer is woken, if it can be.

    While events come nobody is woken for one more: under gevent a wait that can be ended costs half as much again.
    """
    if wake is not None and pause_s > LOOK_S:
        wake.wait(pause_s)
    else:
        time.sleep(pause_s)
