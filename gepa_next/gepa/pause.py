"""What long loops call, so that a computation holds up nobody."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_PAUSE_S = 1e-5  # under gevent a sleep of 0 lets neither timers nor sockets have their turn


def pause() -> None:
    """Give way to other threads and greenlets; to be called every few milliseconds of computing."""
    time.sleep(_PAUSE_S)


def paced(items: Iterable[Item], *, every: int, size: Callable[[Item], int] = lambda _: 1) -> Iterator[Item]:
    """Yield the items, with a pause after each so many, or after so much if they have a size."""
    passed = 0
    for item in items:
        yield item
        passed += size(item)
        if passed >= every:
            passed = 0
            pause()
