"""Answers to what never reaches the application, in our one error shape."""

import json
import secrets
import socket
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from gunicorn import util
from gunicorn.http import errors

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


def answer_unread(log: Any, req: Any, client: Any, addr: Any, error: BaseException) -> None:  # Any: as gunicorn has it
    """Answer a request that could not be read; what it said is not logged, for it may hold a token."""
    request_id = secrets.token_hex(8)
    status, message = _status_of(error)
    facts = {"request_id": request_id, "status": status.value}
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        where = f"{getattr(req, 'method', '')} {getattr(req, 'path', '')}".strip() or "before the request was read"
        log.error("unexpected error in request %s: %s", request_id, where, exc_info=error, extra=facts)
    else:
        whose, what = (addr or [""])[0], type(error).__name__
        log.warning("request %s from %s could not be read: %s", request_id, whose, what, extra=facts)
    try:
        util.write_nonblock(client, _refusal(status, message, request_id))
        let_it_arrive(client)
    except OSError:
        log.debug("nobody waits for the answer to request %s", request_id)


def let_it_arrive(client: Any) -> None:  # Any: gunicorn has no types
    """Read on for a moment: closing a connection with something unread would take the answer back."""
    client.shutdown(socket.SHUT_WR)
    client.settimeout(LINGER_S)
    for _ in range(LINGER_READS):
        if not client.recv(LINGER_BYTES):
            return


def _status_of(error: BaseException) -> tuple[HTTPStatus, str]:
    if not isinstance(error, _OF_THE_SERVER):
        for kind, answer in STATUS.items():
            if isinstance(error, kind):
                return answer
    return HTTPStatus.INTERNAL_SERVER_ERROR, "an error in the service; its log says more under this request id"


def _refusal(status: HTTPStatus, message: str, request_id: str) -> bytes:
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
