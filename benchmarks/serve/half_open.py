"""Ten thousand clients that mean no good, in a process of their own: connected, and most of them never done.

Its first line of input is a Flood as JSON; each further line is a command, answered by one line of JSON.
"""

import ctypes
import json
import resource
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from queue import Empty, SimpleQueue

from benchmarks.serve.crowd import CrowdProcess

DESCRIPTORS, SLICE_S, AGAIN_S, DRIP_S = 16_384, 0.05, 15.0, 1.0
CLIENTS_OF_ADDRESS = 100  # of 127.0.0.0/8: nginx limits the connections of each
POST = "POST /v1/examples HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
SO_ATTACH_FILTER = 26
_DROP_ALL = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF: return 0 of each packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """Where they go, and which streams some of them ask for."""

    port: int
    paths: Sequence[str]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a client begins, and what it adds each second."""

    count: int
    beginning: str = ""
    drip: str = ""
    streams: bool = False
    vanishes: bool = False


KINDS = {
    "vanished": Kind(300, streams=True, vanishes=True),
    "stream": Kind(900, streams=True),
    "nothing": Kind(4_000),
    "half a request line": Kind(1_500, "GET /v1/hea"),
    "headers without end": Kind(1_500, "GET /v1/healthz HTTP/1.1\r\nHost: x\r\n", "X: y\r\n"),
    "a body that never comes": Kind(900, POST),
    "a body byte by byte": Kind(900, POST, " "),
}


class Peer:
    """One such client, anew each time that it is hung up on."""

    def __init__(self, number: int, kind: Kind, path: str) -> None:
        self._source = f"127.0.1.{1 + number // CLIENTS_OF_ADDRESS}"
        self.kind = kind
        self._beginning = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" if kind.streams else kind.beginning
        self.connection: socket.socket | None = None
        self.said = False
        self.status = ""

    def connect(self, port: int) -> socket.socket:
        """Begin to connect."""
        self.connection, self.said = socket.socket(), False
        self.connection.settimeout(0)
        self.connection.bind((self._source, 0))
        with suppress(BlockingIOError):
            self.connection.connect(("127.0.0.1", port))
        return self.connection

    def say(self) -> None:
        """Say what it has to say first."""
        if self.connection is not None and not self.said:
            self.said = True
            self.connection.send(self._beginning.encode())

    def drip(self) -> None:
        """Add a little."""
        if self.connection is not None and self.said and self.kind.drip:
            with suppress(OSError):
                self.connection.send(self.kind.drip.encode())

    def hear(self) -> bool:
        """Read what came; False at the end."""
        if self.connection is None:
            return False
        got = self.connection.recv(65_536)
        if not self.status and got.startswith(b"HTTP/1.1 "):
            self.status = got[9:12].decode()
            if self.kind.vanishes and self.status == "200":
                self._vanish()
        return bool(got)

    def _vanish(self) -> None:
        """Neither acknowledge nor say anything from now on, as if the cable were cut."""
        if self.connection is not None:
            program = struct.pack("HL", 1, ctypes.addressof(_DROP_ALL))
            self.connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


class Peers:
    """All of them, and how often each kind was hung up on."""

    def __init__(self, flood: Flood) -> None:
        self._port = flood.port
        kinds = [kind for kind in KINDS.values() for _ in range(kind.count)]
        self._all = [Peer(place, kind, flood.paths[place % len(flood.paths)]) for place, kind in enumerate(kinds)]
        self._by_fd: dict[int, Peer] = {}
        self._again: deque[tuple[float, Peer]] = deque()
        self._poll = select.epoll()
        self._drip_at = 0.0
        self.closed = 0

    def open(self) -> None:
        """Have everybody connect."""
        for peer in self._all:
            self._open(peer)
            self.go_on(0)

    def close(self) -> None:
        """Hang up, but for those who have vanished."""
        self._again.clear()
        for fd, peer in list(self._by_fd.items()):
            if peer.connection is not None and not peer.kind.vanishes:
                del self._by_fd[fd]
                peer.connection.close()

    def go_on(self, for_s: float) -> None:
        """Do what each does for so long."""
        until = time.monotonic() + for_s
        while True:
            for fd, events in self._poll.poll(max(0, until - time.monotonic())):
                if fd in self._by_fd:
                    self._turn(fd, self._by_fd[fd], events)
            while self._again and self._again[0][0] <= time.monotonic():
                self._open(self._again.popleft()[1])
            if time.monotonic() >= until:
                return

    def drip(self) -> None:
        """Have each add a little, once a second."""
        if time.monotonic() >= self._drip_at:
            self._drip_at = time.monotonic() + DRIP_S
            for peer in self._by_fd.values():
                peer.drip()

    def told(self) -> dict[str, float]:
        """Return how many are connected, how many were hung up on, and the answers to those who asked for streams."""
        statuses = Counter(peer.status for peer in self._all if peer.kind.streams and peer.status)
        connected = sum(peer.said for peer in self._by_fd.values())
        return {"connected": connected, "closed": self.closed, **statuses}

    def _open(self, peer: Peer) -> None:
        fd = peer.connect(self._port).fileno()
        self._by_fd[fd] = peer
        self._poll.register(fd, select.EPOLLIN | select.EPOLLOUT)

    def _turn(self, fd: int, peer: Peer, events: int) -> None:
        try:
            if events & select.EPOLLOUT and not peer.said:
                peer.say()
                self._poll.modify(fd, select.EPOLLIN)
            stays = peer.hear() if events & ~select.EPOLLOUT else True
        except BlockingIOError:
            return
        except OSError:
            stays = False
        if not stays and peer.connection is not None:
            del self._by_fd[fd]
            peer.connection.close()
            self.closed += 1
            if not peer.kind.streams:
                self._again.append((time.monotonic() + AGAIN_S, peer))


def main() -> None:
    """Do as told until the input ends."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    peers = Peers(Flood(**json.loads(sys.stdin.readline())))
    commands: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=lambda: deque(map(commands.put, sys.stdin), 0), daemon=True).start()
    while True:
        peers.go_on(SLICE_S)
        peers.drip()
        with suppress(Empty):
            command = json.loads(commands.get_nowait())
            told = peers.told()
            if "open" in command:
                peers.open()
            if "close" in command:
                peers.close()
            print(json.dumps(told), flush=True)


@contextmanager
def flood(asked: Flood) -> Iterator[CrowdProcess]:
    """Yield them, not yet connected; they end with the block."""
    command = [sys.executable, "-m", "benchmarks.serve.half_open"]
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
