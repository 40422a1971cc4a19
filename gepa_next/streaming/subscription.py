"""Subscriptions: where one stream takes over what the tailer has for it, through a queue or on its own socket."""

import _socket
import math
import os
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import NamedTuple, TypeGuard

from gepa_next.streaming.frames import HEARTBEAT, Chunk, as_http_chunk

LONGEST_QUEUE = 256
_SOCKETS = ("gunicorn.socket", "werkzeug.socket")
_NOW = int(socket.MSG_DONTWAIT)
_CODED_HEARTBEAT = as_http_chunk(HEARTBEAT)


class Holder(NamedTuple):
    """Who follows, and the digest of the token that lets them; empty where nobody is asked for one."""

    owner: str = ""
    credential: str = ""


NOBODY = Holder()


@dataclass(slots=True, eq=False, kw_only=True)
class Subscription:
    """One stream's queue; `after` is the last event that is in it or went through it.

    While it is `live` the tailer puts what is new, and nothing is missing. When it is no more, the stream drains it and
    goes on in the store. The tailer alone puts, under its lock; the stream alone takes and drains. Past `until`, on the
    monotonic clock, the tailer cuts it off.
    """

    job_id: str
    holder: Holder = NOBODY
    after: int = 0
    live: bool = False
    closed: bool = False
    until: float = math.inf
    _queue: deque[bytes] = field(default_factory=deque)
    _ready: threading.Event = field(default_factory=threading.Event)

    def put(self, new: Chunk) -> bool:
        """Pass on what the stream has not had, or leave it to the store; never wait for the client.

        False if the client has not kept up.
        """
        lacking = self._lacking(new) if self.live else None
        if lacking is None:
            return True
        if len(self._queue) >= LONGEST_QUEUE:
            self.leave()
            return False
        self._queue.append(lacking.bare)
        self.after = lacking.last
        self._ready.set()
        if lacking.terminal:
            self.leave()  # the stream may have ended: it looks
        return True

    def beat(self) -> None:
        """Show the client that the stream is there, unless it has not read what came before."""
        if self.live and not self._queue:
            self._queue.append(HEARTBEAT)
            self._ready.set()

    def leave(self) -> None:
        """Have the stream go on by itself."""
        self.live = False
        self._ready.set()

    def take(self, timeout_s: float) -> bytes:
        """Return what is queued, waiting so long if there is nothing and nothing is to be done."""
        self._ready.wait(timeout_s)
        self._ready.clear()
        return self.drain()

    def drain(self) -> bytes:
        """Return what is queued."""
        taken = []
        while self._queue:
            taken.append(self._queue.popleft())
        return b"".join(taken)

    def close(self) -> None:
        """End the stream at its next turn."""
        self.closed = True
        self.leave()

    def cut(self) -> None:
        """End the stream though its client takes nothing of what is being sent."""
        self.close()

    def has_gone(self) -> bool:
        """Say whether the client has closed its side, where that can be seen."""
        return False

    def _lacking(self, new: Chunk) -> Chunk | None:
        """Return what the stream has not had; None if that is nothing, or cannot follow and is left to the store."""
        if new.last <= self.after:
            return None
        lacking = new.after(self.after)
        if lacking.first == self.after + 1:
            return lacking
        self.leave()
        return None


@dataclass(slots=True, eq=False, kw_only=True)
class SocketSubscription(Subscription):
    """A stream's own socket: what is new goes there at once, in the server's own coding, and nobody has to wake up.

    The queue of a client that reads is the kernel's. What it takes a part of only, the stream sends the rest of.
    """

    connection: socket.socket
    coded: bool
    _send: Callable[[bytes, int], int] = field(init=False)
    _rest: bytes = b""

    def __post_init__(self) -> None:
        # What gevent's socket has inside it: its own `send` would wait, whatever it is told.
        self._send = getattr(self.connection, "_sock", self.connection).send

    def put(self, new: Chunk) -> bool:
        """Send what the stream has not had, or leave it to the store; False if the client has not kept up.

        Each step here is taken for every event and stream, with all it touches out of the cache, so there are few.
        """
        if not self.live:
            return True
        lacking = new if new.first == self.after + 1 else self._lacking(new)
        if lacking is None:
            return True
        send, text = self._send, lacking.coded if self.coded else lacking.bare
        try:
            sent = send(text, _NOW)
        except BlockingIOError:
            self.leave()
            return False
        except OSError:  # the client has gone
            self.close()
            return True
        self.after = lacking.last
        if sent == len(text) and not lacking.terminal:
            return True
        self._leave_with(text[sent:])
        return sent == len(text)

    def beat(self) -> None:
        """Send the heartbeat, unless the client has not read what came before."""
        if not self.live:
            return
        text = _CODED_HEARTBEAT if self.coded else HEARTBEAT
        try:
            sent = self._send(text, _NOW)
        except BlockingIOError:
            return
        except OSError:  # the client has gone
            self.close()
            return
        if sent < len(text):
            self._leave_with(text[sent:])

    def drain(self) -> bytes:
        """Wait until the client has taken the rest."""
        if not self.live and self._rest:
            rest, self._rest = self._rest, b""
            self.connection.sendall(rest)
        return b""

    def cut(self) -> None:
        """Break the connection off: the stream may be waiting for it."""
        self.close()
        with suppress(OSError):  # it is gone already
            self.connection.shutdown(socket.SHUT_RDWR)

    def has_gone(self) -> bool:
        """Look without waiting: the first write to a client that has gone still succeeds."""
        try:
            with closing(_socket.socket(fileno=os.dup(self.connection.fileno()))) as unpatched:
                return not unpatched.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _leave_with(self, rest: bytes) -> None:
        self._rest = rest
        self.leave()


def subscription_for(environ: Mapping[str, object], job_id: str, holder: Holder = NOBODY) -> Subscription:
    """Return a subscription on the socket of this WSGI request, a queue where there is none to be written to."""
    connection = next((environ[name] for name in _SOCKETS if name in environ), None)
    version = environ.get("SERVER_PROTOCOL")
    if version not in {"HTTP/1.0", "HTTP/1.1"} or not _is_plain(connection):
        return Subscription(job_id=job_id, holder=holder)
    return SocketSubscription(job_id=job_id, holder=holder, connection=connection, coded=version == "HTTP/1.1")


def _is_plain(connection: object) -> TypeGuard[socket.socket]:
    """Say whether it is a socket that takes bytes as they are, and at once: one with a time-out waits for it."""
    if not isinstance(connection, socket.socket) or isinstance(connection, ssl.SSLSocket):
        return False
    return not connection.gettimeout()
