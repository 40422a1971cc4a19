"""Pacing: long work in short turns, so that in a process that serves many everybody else comes in between."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

MOST_ITEMS = 200
CHUNK = 16 * 1024
Item = TypeVar("Item")


def unhurried(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items, letting others run after every so many."""
    for count, item in enumerate(items, 1):
        yield item
        if count % MOST_ITEMS == 0:
            time.sleep(0)


def in_chunks(pieces: Iterable[str]) -> Iterator[bytes]:
    """Yield the pieces joined to chunks of UTF-8, letting others run after each."""
    waiting, size = [], 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK or len(waiting) >= MOST_ITEMS:
            yield "".join(waiting).encode()
            waiting, size = [], 0
            time.sleep(0)
    yield "".join(waiting).encode()
