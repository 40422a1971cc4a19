"""Peers that connect and never say a whole request: they are hung up on before anybody else is kept waiting."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import gevent
import pytest
import requests

from gepa_next.serving.awaited import GONE_S, Awaited, AwaitedReader, give_up_the_vanished
from tests.e2e.processes import AUTHORIZED, BEHIND_NGINX, SERVE, THREADS, TIMEOUT_S, Server, start, wait_for
from tests.support.service import TOKEN

pytestmark = pytest.mark.skipif(
    BEHIND_NGINX in os.environ or THREADS,
    reason="of our own worker alone; nginx is asked the same in tests/deploy",
)

HEAD = f"POST /v1/examples HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
NDJSON = f"{HEAD}Content-Type: application/x-ndjson\r\n"
BEGINNINGS = {
    "nothing": "",
    "half a request line": "GET /v1/hea",
    "headers that never end": f"{HEAD}X-Slow: ",
    "a body that never comes": f"{NDJSON}Content-Length: 1000\r\n\r\n",
    "half a body": f'{NDJSON}Content-Length: 1000\r\n\r\n{{"input": "half"}}\n',
    "chunks that never end": f"{NDJSON}Transfer-Encoding: chunked\r\n\r\n5\r\n",
}
# What it may open at first is less than it has room for: it has to ask for more.
FEW_DESCRIPTORS = ["sh", "-c", 'ulimit -Sn 100 && exec "$@"', "sh", *SERVE]
PEERS = 400  # of each kind more than there is room for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"MAX_SSE_CLIENTS": "1", "RATE_LIMIT_PER_MIN": "0", "RUNNER": "none"}
    server = start(FEW_DESCRIPTORS, tmp_path_factory.mktemp("server"), **settings)
    yield server
    server.stop()


def connect(server: Server) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=TIMEOUT_S)


def descriptors(server: Server) -> int:
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in server.web_pids())


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_peers_that_never_say_a_whole_request_keep_nobody_out(server: Server, beginning: str) -> None:
    before = descriptors(server)
    with ExitStack() as peers:
        for _ in range(PEERS):
            peers.enter_context(connect(server)).sendall(beginning.encode())
        assert server.get("/v1/healthz").status_code == 200
        assert server.get("/v1/examples").json()["items"] == []
    wait_for(lambda: descriptors(server) <= before + 2)
    assert "Traceback" not in server.log.read_text()


def test_the_log_says_in_one_line_that_connections_ran_short(server: Server) -> None:
    with ExitStack() as peers:
        for _ in range(PEERS):
            peers.enter_context(connect(server))
        wait_for(lambda: "connections ran short" in server.log.read_text())
    assert server.log.read_text().count("connections ran short") < len(BEGINNINGS)


def test_a_request_that_comes_whole_is_answered_while_others_wait(server: Server) -> None:
    with ExitStack() as peers, connect(server) as slow:
        slow.sendall(HEAD.encode())
        for _ in range(PEERS // 4):
            peers.enter_context(connect(server))
        slow.sendall(b'Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{"input": "yes"')
        assert slow.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("body", ['{"id": "cut", "input": "x"}\n', '{"id": "cut", "input": "x"}\n{"id": "cut-2", '])
def test_a_body_that_ends_before_its_length_is_not_taken_for_a_whole_one(server: Server, body: str) -> None:
    with connect(server) as peer:
        peer.sendall(f"{NDJSON}Content-Length: 1000\r\n\r\n{body}".encode())
        peer.shutdown(socket.SHUT_WR)
        answer = peer.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400")
    assert requests.get(f"{server.url}/v1/examples/cut", headers=AUTHORIZED, timeout=TIMEOUT_S).status_code == 404


def test_a_form_that_ends_before_its_length_is_refused_and_no_error_of_the_server(server: Server) -> None:
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n"
    with connect(server) as peer:
        peer.sendall(f"POST /new HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{form}\r\nprompt=a".encode())
        peer.shutdown(socket.SHUT_WR)
        answer = peer.recv(65536)
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert "Traceback" not in server.log.read_text()


class Silent:
    """A body of which nothing comes."""

    def read(self, _: int) -> bytes:
        gevent.sleep(TIMEOUT_S)
        return b""


def test_a_body_is_not_waited_for_without_end() -> None:
    with pytest.raises(TimeoutError):
        AwaitedReader(Silent(), Awaited(most=10), seconds=0.001).read(5)


def test_the_kernel_gives_up_a_peer_that_has_vanished() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        give_up_the_vanished([listener])
        with socket.create_connection(listener.getsockname(), timeout=TIMEOUT_S), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1000 * GONE_S
