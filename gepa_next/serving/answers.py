"""How answers leave gunicorn's worker, those to requests that never reach the application among them."""

import json
import socket
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from gunicorn.http import errors, wsgi

from gepa_next.api.edge.headers import EVERYWHERE

LINGER_S, LINGER_READS, LINGER_BYTES = 0.5, 16, 65_536
STATUS: Mapping[type[Exception], tuple[HTTPStatus, str]] = MappingProxyType(
    {
        errors.LimitRequestLine: (HTTPStatus.REQUEST_URI_TOO_LONG, "the path and query are too long"),
        errors.LimitRequestHeaders: (
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "the headers are too large or too many",
        ),
        errors.ExpectationFailed: (HTTPStatus.EXPECTATION_FAILED, "send no Expect but 100-continue"),
        errors.UnsupportedTransferCoding: (HTTPStatus.NOT_IMPLEMENTED, "send no Transfer-Encoding but chunked"),
        errors.ParseException: (HTTPStatus.BAD_REQUEST, "this is no HTTP request that the server can read"),
    }
)
_OF_THE_SERVER = (errors.ConfigurationProblem, errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)


class _Held(list[bytes]):
    """A socket's stand-in that keeps what it is given."""

    sendall = list.append


class InOnePiece(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's response, whose head goes out with the first of its body: alone it wakes the client for nothing."""

    sock: Any

    def write(self, arg: bytes) -> None:
        """Send a part of the body, and before the first the head."""
        if self.headers_sent:
            super().write(arg)
            return
        held = _Held()
        sock, self.sock = self.sock, held
        try:
            super().write(arg)
        finally:
            self.sock = sock
        whole = b"".join(held)
        sent = sock.send(whole)  # all of it as a rule, and gevent's sendall would take twice as long
        if sent < len(whole):
            sock.sendall(memoryview(whole)[sent:])


def let_it_arrive(client: Any) -> None:  # Any: gunicorn has no types
    """Read on for a moment: closing a connection with something unread would take the answer back."""
    client.shutdown(socket.SHUT_WR)
    client.settimeout(LINGER_S)
    for _ in range(LINGER_READS):
        if not client.recv(LINGER_BYTES):
            return


def status_of(error: BaseException) -> tuple[HTTPStatus, str]:
    """Return the status of a request that could not be served, and what is said to who sent it."""
    if not isinstance(error, _OF_THE_SERVER):
        for kind, answer in STATUS.items():
            if isinstance(error, kind):
                return answer
    return HTTPStatus.INTERNAL_SERVER_ERROR, "an error in the service; its log says more under this request id"


def refusal(status: HTTPStatus, message: str, request_id: str) -> bytes:
    """Return the whole answer, as every error of the API looks."""
    code = "internal_error" if status is HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request"
    error = {"code": code, "message": message, "details": [], "request_id": request_id}
    body = json.dumps({"error": error}).encode()
    headers = {
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Request-ID": request_id,
        **EVERYWHERE,
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def refuse_codings(req: Any) -> None:  # Any: gunicorn has no types
    """Raise UnsupportedTransferCoding for `gzip, chunked` and its like: the body would be read as if it were bare."""
    for name, value in req.headers:
        if name == "TRANSFER-ENCODING" and value.strip().lower() != "chunked":
            raise errors.UnsupportedTransferCoding(value)
