"""Requests that mean no good, byte by byte to a real server: each gets a clear answer, and the log learns no secret."""

import gzip
import json
import os
import re
import socket
import time

import pytest

from gepa_next.api.edge.headers import EVERYWHERE
from tests.e2e.processes import BEHIND_NGINX, THREADS, Server
from tests.support.service import TOKEN

pytestmark = pytest.mark.skipif(BEHIND_NGINX in os.environ, reason="nginx answers these itself: tests/deploy")

SECRET = "canary-7f3a"  # noqa: S105 - of no service
TIMEOUT_S = 20.0
OK = f"GET /v1/optimize HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n"
POST = f"POST /v1/optimize HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n"
BOMB = gzip.compress(bytes(20 * 2**20)).decode("latin-1")
UNREADABLE = {
    "no request": ("hello\r\n\r\n", 400),
    "a secret in a bad request line": (f"GET /v1/x?stream_token={SECRET} y HTTP/1.1\r\n\r\n", 400),
    "bare line feeds": (f"GET / HTTP/1.1\nHost: x\nX-Key: {SECRET}\n\n", 400),
    "another version": ("GET / HTTP/9.9\r\n\r\n", 400),
    "a lower-case method": ("get<> / HTTP/1.1\r\n\r\n", 400),
    "a header without a colon": (f"{OK}Authorization Bearer {SECRET}\r\n\r\n", 400),
    "a blank before the colon": (f"{OK}X-Key : {SECRET}\r\n\r\n", 400),
    "a folded header": (f"{OK}X-Key: a\r\n {SECRET}\r\n\r\n", 400),
    "NUL in a header": (f"{OK}X-Key: {SECRET}\0\r\n\r\n", 400),
    "a bare carriage return in a header": (f"{OK}Idempotency-Key: a\rX-Evil: {SECRET}\r\n\r\n", 400),
    "a bare line feed in a header": (f"{OK}Idempotency-Key: a\nX-Evil: {SECRET}\r\n\r\n", 400),
    "a coding on the next line": (f"{POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths in one": (f"{POST}Content-Length: 2, 3\r\n\r\n{{}}", 400),
    "two lengths": (f"{POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}", 400),
    "a length and chunks": (f"{POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a length that is none": (f"{POST}Content-Length: +2\r\n\r\n{{}}", 400),
    "another coding": (f"{POST}Transfer-Encoding: br\r\n\r\n0\r\n\r\n", 501),
    "a long path": (f"GET /{'a' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a large header": (f"{OK}X-Key: {'a' * 9000}\r\n\r\n", 431),
    "many headers": (OK + "".join(f"X-{n}: 1\r\n" for n in range(200)) + "\r\n", 431),
}
ODD = {
    "Latin-1 in the token": (OK.replace(TOKEN, "\xff\xfe"), 401, "unauthorized"),
    "a token on the next line": (OK.replace(TOKEN, f"x%0d%0aX-Token:{TOKEN}"), 401, "unauthorized"),
    "a compressed body": (
        f"{POST}Content-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
        415,
        "unsupported_media_type",
    ),
    "a bomb": (
        f"{POST}Content-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: {len(BOMB)}\r\n\r\n{BOMB}",
        415,
        "unsupported_media_type",
    ),
    "an extension of a chunk that is none": (
        f"{POST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0;x=\n\n\r\n\r\n",
        400,
        "invalid_json",
    ),
    "an announced body that is too large": (
        f"{POST}Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n",
        413,
        "payload_too_large",
    ),
    "a line end in a job id": (OK.replace("/optimize", "/optimize/a%0d%0aSet-Cookie:x=1"), 404, "not_found"),
    "a line end in a query": (OK.replace("/optimize", "/optimize?cursor=%0d%0aX-Evil:1"), 422, "validation_error"),
    "a way up in a path": (OK.replace("/optimize", "/../../etc/passwd"), 404, "not_found"),
    "a way up in a static file": (OK.replace("/v1/optimize", "/static/x/..%2f..%2fconfig.py"), 404, "not_found"),
}


def ask(server: Server, text: str) -> tuple[int, dict[str, str], bytes]:
    """Send the bytes and return status, headers and body of the answer."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
        connection.sendall(text.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def checked(status: int, headers: dict[str, str], body: bytes) -> dict[str, str]:
    """Return the error after checking that it has the one shape, and the headers that all answers have."""
    assert headers["Content-Type"] == "application/json"
    assert {name: headers.get(name) for name in EVERYWHERE} == dict(EVERYWHERE)
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["request_id"] == headers["X-Request-ID"]
    assert status >= 400
    return error


@pytest.mark.parametrize(("text", "status"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_request_is_answered_in_the_one_shape_and_not_logged(server, text, status) -> None:
    answer = ask(server, text)
    assert answer[0] == status
    error = checked(*answer)
    assert error["code"] == "invalid_request"
    logged = server.log.read_text()
    assert error["request_id"] in logged
    assert SECRET not in f"{error}{logged}"
    assert "Traceback" not in logged


@pytest.mark.skipif(THREADS, reason="of our own worker alone")
def test_a_body_in_a_coding_before_its_chunks_is_refused(server) -> None:
    assert ask(server, f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")[0] == 501


@pytest.mark.parametrize(("text", "status", "code"), ODD.values(), ids=ODD)
def test_odd_requests_are_refused_by_the_application(server, text, status, code) -> None:
    answer = ask(server, text + ("\r\n" if text.endswith("close\r\n") else ""))
    assert answer[0] == status
    assert checked(*answer)["code"] == code
    assert not {"Set-Cookie", "X-Evil"} & set(answer[1])


@pytest.mark.parametrize("given", ["a\tb", "%0d%0aX-Evil: 1", "\xff", "a" * 129, "<script>"])
def test_a_request_id_brings_no_header_with_it(server, given) -> None:
    status, headers, _ = ask(server, f"{OK}X-Request-ID: {given}\r\n\r\n")
    assert status == 200
    assert "X-Evil" not in headers
    assert re.fullmatch(r"[!-~]{1,128}", headers["X-Request-ID"])


def test_the_server_does_not_say_its_version(server) -> None:
    _, headers, _ = ask(server, f"{OK}\r\n")
    assert not any(each.isdigit() for each in headers.get("Server", ""))


@pytest.mark.skipif(THREADS, reason="of our own worker alone")
def test_headers_that_never_end_are_not_waited_for(server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
        connection.sendall(OK.encode())
        began = time.monotonic()
        assert connection.recv(1) == b""
    assert time.monotonic() - began < TIMEOUT_S
