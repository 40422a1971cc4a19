"""Hold HTTP responses to a deadline, trickled headers and bodies included.

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

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _Reader(io.RawIOBase):
    """Read a socket until the deadline: its time-out as it stood when the request had been sent."""

    def __init__(self, sock: socket.socket, stall_s: float) -> None:
        self._stream = sock.makefile("rb", buffering=0)
        self._sock = sock
        self._stall_s = stall_s
        timeout_s = sock.gettimeout()
        self._ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        self.in_body = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        if self._ends_at is not None:
            left_s = self._ends_at - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the deadline has passed")
            self._sock.settimeout(min(left_s, self._stall_s) if self.in_body else left_s)
        return self._stream.readinto(buffer)

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
        super().begin()
        self._reader.in_body = True


class DeadlineAdapter(HTTPAdapter):
    """Mount on a session so that urllib3's `Timeout(total=…)` bounds the whole exchange.

    A body in which nothing arrives for `stall_s` is given up earlier.
    """

    def __init__(self, *, stall_s: float, connections: int) -> None:
        self._stall_s = stall_s
        super().__init__(pool_connections=4, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        """Make the pools of connections whose responses keep the deadline."""
        super().init_poolmanager(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        respond = staticmethod(partial(_Response, stall_s=self._stall_s))
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool_class(HTTPConnectionPool, HTTPConnection, respond),
            "https": _pool_class(HTTPSConnectionPool, HTTPSConnection, respond),
        }


def _pool_class(
    pool: type[HTTPConnectionPool], connection: type[HTTPConnection], respond: Callable[..., http.client.HTTPResponse]
) -> type[HTTPConnectionPool]:
    keeping = type(connection.__name__, (connection,), {"response_class": respond})
    return type(pool.__name__, (pool,), {"ConnectionCls": keeping})
