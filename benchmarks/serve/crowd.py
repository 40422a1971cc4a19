"""A crowd of clients in a process of its own: raw sockets and one epoll, so that it is not what is measured.

Its first line of input is a Crowd as JSON; each further line is a command, answered by one line of JSON.
"""

import json
import re
import select
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from queue import Empty, SimpleQueue
from typing import IO

OPENING_S, SLICE_S = 60.0, 0.05
# One line of data in the envelope that all servers are given to send; a line is there when its end is.
_EVENT = re.compile(rb'data: ?\{"id": ?(\d+),[^\n]*?"ts": ?([\d.]+)[^\n]*\n')


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Where each client goes (one path each), and whether it reads what comes.

    `version` is HTTP's: through a proxy that cuts chunks anew, 1.0 leaves the lines whole.
    """

    port: int
    paths: Sequence[str]
    reads: bool = True
    version: str = "1.1"


@dataclass(slots=True)
class Client:
    """One stream: its socket, the last id it has, and the line that has not come whole."""

    path: str
    connection: socket.socket | None = None
    last: int = 0
    rest: bytes = b""


@dataclass(slots=True)
class Tally:
    """What came since the last look."""

    events: int = 0
    out_of_order: int = 0
    closed: int = 0
    delays_s: list[float] = field(default_factory=list)

    def told(self) -> dict[str, float]:
        """Return counts, and quantiles of the delays in ms."""
        ordered = sorted(self.delays_s) or [0.0]
        at = {name: 1000 * ordered[int(part * (len(ordered) - 1))] for name, part in QUANTILES.items()}
        return {"events": self.events, "out_of_order": self.out_of_order, "closed": self.closed, **at}


QUANTILES = {"p50_ms": 0.5, "p99_ms": 0.99, "max_ms": 1.0}


class Guests:
    """The clients of a crowd, and what they were told."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._clients = [Client(path) for path in crowd.paths]
        self._by_fd: dict[int, Client] = {}
        self._poll = select.epoll()
        self.tally = Tally()

    def open(self) -> None:
        """Connect everybody, all at once, going on after what each has."""
        for client in self._clients:
            client.connection = self._connect(client)
            self._by_fd[client.connection.fileno()] = client
            if self._crowd.reads:
                self._poll.register(client.connection, select.EPOLLIN)

    def close(self) -> None:
        """Hang up, everybody at once."""
        for client in self._by_fd.values():
            if client.connection is not None:
                client.connection.close()
            client.rest = b""
        self._by_fd.clear()

    def read(self, for_s: float) -> None:
        """Read what comes within that time."""
        until = time.monotonic() + for_s
        while (left := until - time.monotonic()) > 0:
            for fd, _ in self._poll.poll(left):
                self._take(self._by_fd[fd])

    def read_until(self, last: int, *, at_most_s: float) -> float:
        """Read until everybody has that event; return the seconds it took, or those allowed."""
        started = time.monotonic()
        while min(client.last for client in self._clients) < last and time.monotonic() < started + at_most_s:
            self.read(0.02)
        return time.monotonic() - started

    def _connect(self, client: Client) -> socket.socket:
        connection = socket.socket()
        if not self._crowd.reads:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(OPENING_S)
        connection.connect(("127.0.0.1", self._crowd.port))
        after = f"Last-Event-ID: {client.last}\r\n" if client.last else ""
        head = f"GET {client.path} HTTP/{self._crowd.version}\r\nHost: x\r\nAccept: text/event-stream\r\n{after}\r\n"
        connection.sendall(head.encode())
        connection.settimeout(0)
        return connection

    def _take(self, client: Client) -> None:
        if client.connection is None:
            return
        try:
            got = client.connection.recv(1 << 18)
        except ConnectionError:
            got = b""
        if not got:
            self._by_fd.pop(client.connection.fileno())
            client.connection.close()
            self.tally.closed += 1
            return
        whole, end, client.rest = (client.rest + got).rpartition(b"\n")
        now = time.time()
        for number, sent_at in _EVENT.findall(whole + end):
            event_id = int(number)
            self.tally.out_of_order += event_id != client.last + 1 and client.last > 0
            client.last = event_id
            self.tally.events += 1
            self.tally.delays_s.append(now - float(sent_at))


def main() -> None:
    """Do as told until the input ends."""
    guests = Guests(Crowd(**json.loads(sys.stdin.readline())))
    commands: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=lambda: deque(map(commands.put, sys.stdin), 0), daemon=True).start()
    while True:
        guests.read(SLICE_S)
        with suppress(Empty):
            print(json.dumps(_obey(guests, json.loads(commands.get_nowait()))), flush=True)


def _obey(guests: Guests, command: dict[str, float]) -> dict[str, float]:
    if "open" in command:
        guests.open()
    if "close" in command:
        guests.close()
    took = guests.read_until(int(command["until"]), at_most_s=command["at_most_s"]) if "until" in command else 0.0
    told = guests.tally.told()
    guests.tally = Tally()
    return {**told, "took_s": took}


class CrowdProcess:
    """A crowd at work, as seen by who gives the commands."""

    def __init__(self, commands: IO[str], answers: IO[str]) -> None:
        self._commands = commands
        self._answers = answers

    def tell(self, **command: float) -> dict[str, float]:
        """Give a command (open, close, until with at_most_s); return what came since the one before."""
        print(json.dumps(command), file=self._commands, flush=True)
        told: dict[str, float] = json.loads(self._answers.readline())
        return told


@contextmanager
def crowd(asked: Crowd) -> Iterator[CrowdProcess]:
    """Yield the crowd, not yet connected; it ends with the block."""
    command = [sys.executable, "-m", "benchmarks.serve.crowd"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdin is None or process.stdout is None:
                raise SystemExit("a process without pipes")
            print(json.dumps(asdict(asked)), file=process.stdin, flush=True)
            yield CrowdProcess(process.stdin, process.stdout)
        finally:
            process.kill()


if __name__ == "__main__":
    main()
