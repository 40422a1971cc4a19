"""Hold HTTP responses to a deadline and a number of bytes, trickled and flooded headers and bodies included.

A socket's time-out begins anew with every byte; here each read waits for what is left of the whole.
No thread is needed, and the same code runs under gevent.
"""

import http.client
import io
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError, SSLError

from gepa_next.llm.peers import Admits, check_peer

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEADERS_LIMIT_BYTES = 2**18
WIRE_LIMIT_BYTES = 2**26  # of the body as it is framed: trailers and chunk sizes too


class TooManyBytes(http.client.HTTPException):
    """Report headers, or what is around a body, beyond any measure."""


class LengthsDisagree(http.client.HTTPException):
    """Report a body of two lengths: where it ends, and what comes after it, is anybody's guess."""


class AnswerBroken(http.client.HTTPException):
    """Report an answer that had begun when the connection broke: somebody had read the request."""


class HandshakeBroken(NewConnectionError):
    """Report a TLS handshake that failed, however: nothing has been sent."""


class _Reader(io.RawIOBase):
    """Read a socket until the deadline: its time-out as it stood when the request had been sent."""

    def __init__(self, sock: socket.socket, stall_s: float) -> None:
        self._stream = sock.makefile("rb", buffering=0)
        self._sock = sock
        self._stall_s = stall_s
        timeout_s = sock.gettimeout()
        self._ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        self._bytes_left = HEADERS_LIMIT_BYTES
        self._in_body = False
        self.heard = False

    def begin_body(self) -> None:
        """Count from here what the body may have, and have it stall no longer than a body may."""
        self._in_body = True
        self._bytes_left = WIRE_LIMIT_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        if self._ends_at is not None:
            left_s = self._ends_at - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the deadline has passed")
            self._sock.settimeout(min(left_s, self._stall_s) if self._in_body else left_s)
        if self._bytes_left <= 0:
            raise TooManyBytes
        got = self._stream.readinto(buffer)
        self._bytes_left -= got or 0
        self.heard = self.heard or bool(got)
        return got

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response that is read through `_Reader`; the stall limit begins with the body."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
        *,
        stall_s: float,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp.close()
        self._reader = _Reader(sock, stall_s)
        self.fp = io.BufferedReader(self._reader)

    def begin(self) -> None:
        try:
            self._begin()
        except TimeoutError:
            raise
        except OSError as error:
            if not self._reader.heard:
                raise
            raise AnswerBroken("the headers break off") from error

    def _begin(self) -> None:
        super().begin()
        while 100 <= self.status < 200:  # noqa: PLR2004  # an answer is still to come, which nobody else must get
            self.headers = None  # type: ignore[assignment]  # has the next one read
            super().begin()
        stated = ",".join(self.headers.get_all("content-length", []))
        if len({length.strip() for length in stated.split(",")}) > 1:
            raise LengthsDisagree
        self._reader.begin_body()


class _Handshaking(HTTPSConnection):
    """A connection that tells a handshake that failed from an answer that failed to come."""

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, SSLError) as error:
            raise HandshakeBroken(self, "the TLS handshake failed") from error


class DeadlineAdapter(HTTPAdapter):
    """Mount on a session so that urllib3's `Timeout(total=…)` bounds the whole exchange.

    A body in which nothing arrives for `stall_s` is given up earlier. A connection to an address that is not admitted
    is closed before anything is sent.
    """

    def __init__(self, *, stall_s: float, connections: int, admits: Admits | None = None) -> None:
        self._stall_s = stall_s
        self._admits = admits
        super().__init__(pool_connections=4, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        """Make the pools of connections whose responses keep the deadline."""
        super().init_poolmanager(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        respond = staticmethod(partial(_Response, stall_s=self._stall_s))
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool_class(HTTPConnectionPool, HTTPConnection, respond, self._admits),
            "https": _pool_class(HTTPSConnectionPool, _Handshaking, respond, self._admits),
        }


def _pool_class(
    pool: type[HTTPConnectionPool],
    connection: type[HTTPConnection],
    respond: Callable[..., http.client.HTTPResponse],
    admits: Admits | None,
) -> type[HTTPConnectionPool]:
    def connect(self: HTTPConnection) -> socket.socket:
        sock = connection._new_conn(self)  # noqa: SLF001 - where urllib3 has connected and nothing is sent yet
        if admits is not None:
            check_peer(sock, admits)
        return sock

    keeping = type(connection.__name__, (connection,), {"response_class": respond, "_new_conn": connect})
    return type(pool.__name__, (pool,), {"ConnectionCls": keeping})
