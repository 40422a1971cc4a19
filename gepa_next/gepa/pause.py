"""What long loops call, so that a computation holds up nobody."""

import time

_PAUSE_S = 1e-5  # under gevent a sleep of 0 lets neither timers nor sockets have their turn


def pause() -> None:
    """Give way to other threads and greenlets; to be called every few milliseconds of computing."""
    time.sleep(_PAUSE_S)
