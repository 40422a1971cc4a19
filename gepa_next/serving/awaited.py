"""Peers that owe the server bytes: none is waited for without end, and the longest awaited goes when room is short."""

import errno
import socket
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

import gevent

GONE_S = 60.0  # so long a peer may leave what it was sent unacknowledged, or unread
BODY_S = 60.0  # for each piece that is read at once, a MiB at most
ROOM = 100


class Reader(Protocol):
    """What the bytes of a body are read from; one of known length has it as `length`, less what has been read."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer at the end."""


class Awaited:
    """The connections of a worker, one for each greenlet, and which of them owe the rest of a request."""

    def __init__(self, *, most: int) -> None:
        self._crowded = most - min(ROOM, most // 4)
        self._connections: dict[gevent.Greenlet, socket.socket] = {}
        self._waiting: dict[gevent.Greenlet, None] = {}  # in the order in which they began to be waited for
        self._new: set[gevent.Greenlet] = set()  # that have not said a request
        self._cut: set[gevent.Greenlet] = set()
        self._untold = 0

    def admit(self, connection: socket.socket) -> None:
        """Note the connection of this greenlet; where few more have room, hang up on the one longest awaited."""
        self._connections[gevent.getcurrent()] = connection
        self._new.add(gevent.getcurrent())
        if len(self._connections) > self._crowded and self._waiting:
            self._hang_up(next(iter(self._waiting)))

    def leave(self) -> None:
        """Forget the connection of this greenlet."""
        del self._connections[gevent.getcurrent()]
        self._new.discard(gevent.getcurrent())
        self._cut.discard(gevent.getcurrent())

    def begin(self) -> None:
        """Note that this greenlet waits for its peer."""
        self._waiting[gevent.getcurrent()] = None

    def end(self) -> bool:
        """Note that it does no longer; False if its connection was cut meanwhile."""
        self._waiting.pop(gevent.getcurrent(), None)
        self._new.discard(gevent.getcurrent())
        return gevent.getcurrent() not in self._cut

    def unanswered(self) -> int:
        """Return how many connections have been answered nothing yet, or not all of their request."""
        return sum(each in self._new or each not in self._waiting for each in self._connections)

    def take_untold(self) -> int:
        """Return how many were hung up on since the last time."""
        untold, self._untold = self._untold, 0
        return untold

    def _hang_up(self, greenlet: gevent.Greenlet) -> None:
        del self._waiting[greenlet]
        self._cut.add(greenlet)
        self._untold += 1
        with suppress(OSError):  # it has gone already
            self._connections[greenlet].shutdown(socket.SHUT_RDWR)


class RequestWait:
    """A wait for the next request: it ends in silence when the time is over or the peer has gone."""

    def __init__(self, awaited: Awaited, seconds: float) -> None:
        self._awaited = awaited
        self._timeout = gevent.Timeout(seconds, False)  # noqa: FBT003 - gevent knows silence by that

    def __enter__(self) -> Self:
        self._awaited.begin()
        self._timeout.start()
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        self._timeout.close()
        stays = self._awaited.end()
        return error is self._timeout or has_vanished(error) or (not stays and isinstance(error, OSError))


class AwaitedReader:
    """The reader of a body, which fails when the peer takes too long or was cut off: half a body is none."""

    def __init__(self, reader: Reader, awaited: Awaited, *, seconds: float = BODY_S) -> None:
        self._reader = reader
        self._awaited = awaited
        self._seconds = seconds

    def is_at_end(self) -> bool:
        """Say whether all of the body has been read."""
        return not getattr(self._reader, "length", 0) and getattr(self._reader, "parser", None) is None

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer at the end; TimeoutError or ConnectionError if they do not come."""
        expected = min(size, getattr(self._reader, "length", 0))
        self._awaited.begin()
        try:
            with gevent.Timeout(self._seconds, TimeoutError("the body comes too slowly")):
                got = self._reader.read(size)
        finally:
            stays = self._awaited.end()
            if not stays:
                raise ConnectionAbortedError("others needed the room")
        if len(got) < expected:
            raise ConnectionResetError("the body ended before its length")
        return got


def has_vanished(error: BaseException | None) -> bool:
    """Say whether the kernel has given up the peer."""
    return isinstance(error, OSError) and error.errno in {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH}


def give_up_the_vanished(listeners: Iterable[socket.socket]) -> None:
    """Have the kernel end connections whose peer acknowledges nothing, or reads nothing, for so long."""
    for each in listeners:
        if each.family != socket.AF_UNIX:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * GONE_S))
