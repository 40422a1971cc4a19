"""What the web worker makes of gunicorn's way to answer."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from gunicorn import http
from gunicorn.config import Config

from gepa_next.serving.answers import InOnePiece

TIMEOUT_S = 5
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "8")]


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end of a connection and the client's, which receives one by one what was sent one by one."""
    server, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with server, client:
        client.settimeout(TIMEOUT_S)
        yield server, client


def answer_to(method: str, server: socket.socket) -> InOnePiece:
    asked = f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    config = Config()
    return InOnePiece(next(http.get_parser(config, iter([asked]), ("127.0.0.1", 1))), server, config)


def test_the_head_of_an_answer_comes_with_the_first_of_its_body(ends) -> None:
    server, client = ends
    answer = answer_to("GET", server)
    answer.start_response("200 OK", HEADERS)
    answer.write(b"four")
    answer.write(b"more")
    answer.close()
    head, _, first = client.recv(4096).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (first, client.recv(4096)) == (b"four", b"more")


def test_chunks_are_framed_as_they_were(ends) -> None:
    server, client = ends
    answer = answer_to("GET", server)
    answer.start_response("200 OK", HEADERS[:1])
    answer.write(b"four")
    answer.close()
    assert client.recv(4096).endswith(b"\r\n\r\n4\r\nfour\r\n")
    assert client.recv(4096) == b"0\r\n\r\n"


def test_what_the_kernel_does_not_take_at_once_follows() -> None:
    server, client = socket.socketpair()
    with server, client, ThreadPoolExecutor(1) as pool:
        for each in (server, client):
            each.settimeout(TIMEOUT_S)
        body = bytes(range(256)) * 20_000
        answer = answer_to("GET", server)
        answer.start_response("200 OK", [("Content-Length", str(len(body)))])
        received = pool.submit(client.makefile("rb").read)
        answer.write(body)
        server.shutdown(socket.SHUT_WR)
        assert received.result(TIMEOUT_S).partition(b"\r\n\r\n")[2] == body


def test_an_answer_without_a_body_has_its_head(ends) -> None:
    server, client = ends
    answer = answer_to("HEAD", server)
    answer.start_response("200 OK", HEADERS)
    answer.close()
    assert client.recv(4096).endswith(b"\r\n\r\n")
