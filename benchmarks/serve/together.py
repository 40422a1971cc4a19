"""One request again and again over many connections at once, by one epoll, and a probe of the server meanwhile."""

import re
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT_S = 30
PROBE_EVERY_S = 0.02
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def message_of(url: str, request: str, payload: str = "", *, header: str = "") -> bytes:
    """Return the request (method and path) as it is sent, with a header more if one is given."""
    head = f"{request} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
    head += f"{header}\r\n" if header else ""
    head += f"Content-Type: application/json\r\nContent-Length: {len(payload.encode())}\r\n" if payload else ""
    return f"{head}\r\n{payload}".encode()


@dataclass(slots=True)
class Asked:
    """How many answers a second, and how long each probe waited for its own."""

    per_s: float = 0.0
    waits_ms: list[float] = field(default_factory=list)


class Talk:
    """One connection that asks the same again and again."""

    def __init__(self, connection: socket.socket, message: bytes) -> None:
        self._connection = connection
        self._message = message
        self._come = b""
        self._asked_at = 0.0
        self.waits = False

    def ask(self, *, every_s: float = 0.0) -> None:
        """Send the request, if it is so long ago that it was sent and the answer is there."""
        if not self.waits and time.perf_counter() >= self._asked_at + every_s:
            self._connection.sendall(self._message)
            self._come, self._asked_at, self.waits = b"", time.perf_counter(), True

    def read(self) -> float | None:
        """Read what has come; return what the answer took in ms if it is whole. SystemExit if it is an error."""
        self._come += self._connection.recv(65_536)
        head, end, body = self._come.partition(b"\r\n\r\n")
        if end and not head.startswith(b"HTTP/1.1 20"):
            raise SystemExit(self._come.decode())
        length = _LENGTH.search(head + b"\r\n")
        if not end or length is None or len(body) < int(length[1]):
            return None
        self.waits = False
        return 1000 * (time.perf_counter() - self._asked_at)


def asked_together(url: str, message: bytes, *, connections: int, count: int, probe: bytes = b"") -> Asked:
    """Have the request answered so many times, each connection asking again at once, and the probe now and again."""
    with _talks(url, [message] * connections) as asking, _talks(url, [probe] if probe else []) as probing:
        poll = select.epoll()
        for number in (*asking, *probing):
            poll.register(number, select.EPOLLIN)
        found, left, began = Asked(), count, time.perf_counter()
        while left > 0:
            for talk in asking.values():
                talk.ask()
            for talk in probing.values():
                talk.ask(every_s=PROBE_EVERY_S)
            for number, _ in poll.poll(PROBE_EVERY_S):
                took_ms = (asking.get(number) or probing[number]).read()
                if took_ms is not None and number in asking:
                    left -= 1
                elif took_ms is not None:
                    found.waits_ms.append(took_ms)
        found.per_s = count / (time.perf_counter() - began)
    return found


@contextmanager
def _talks(url: str, messages: list[bytes]) -> Iterator[dict[int, Talk]]:
    """Yield a connection for each message, by its number."""
    place = urlsplit(url)
    with ExitStack() as open_ones:
        talks = {}
        for message in messages:
            connection = socket.create_connection((place.hostname or "", place.port or 80), timeout=TIMEOUT_S)
            open_ones.enter_context(connection)
            talks[connection.fileno()] = Talk(connection, message)
        yield talks
