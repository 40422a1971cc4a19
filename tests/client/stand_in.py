"""A server that gives the answers it was told to, one a connection, and the last one for ever."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class StandIn:
    """Its address, and the requests that it got."""

    url: str
    requests: list[str] = field(default_factory=list)


def answer(status: int, body: str, *headers: str, content_type: str = "application/json") -> bytes:
    """Return an answer that ends where its connection does."""
    lines = [f"HTTP/1.1 {status} It", f"Content-Type: {content_type}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", body]).encode()


def refusing(status: int, code: str, *headers: str) -> bytes:
    """Return a refusal in the shape of the service."""
    error = {"code": code, "message": "no", "details": [], "request_id": "r-1"}
    return answer(status, json.dumps({"error": error}), *headers)


def streaming(*ids: int, end: str = "", kind: str = "progress") -> bytes:
    """Return a stream with events of these ids, and what comes after them."""
    told = [{"id": each, "type": kind, "schema_version": 1, "job_id": "j", "ts": 1.0, "data": {}} for each in ids]
    frames = [f"id: {each['id']}\nevent: {kind}\ndata: {json.dumps(each)}\n\n" for each in told]
    return answer(200, "".join(["retry: 1\n\n", *frames, end]), content_type="text/event-stream; charset=utf-8")


@contextmanager
def standing_in(answers: Sequence[bytes], certificate: Path | None = None) -> Iterator[StandIn]:
    """Yield the server, one of TLS if it has a certificate; it ends with the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    found = StandIn(f"http{'s' * bool(certificate)}://127.0.0.1:{listener.getsockname()[1]}")
    thread = threading.Thread(target=_serve, args=(listener, list(answers), found, certificate), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(TIMEOUT_S)


def _serve(listener: socket.socket, answers: list[bytes], found: StandIn, certificate: Path | None) -> None:
    with suppress(OSError):  # the listener is closed
        while True:
            connection, _ = listener.accept()
            with suppress(OSError), _greeted(connection, certificate) as greeted:
                found.requests.append(_read(greeted))
                greeted.sendall(answers[0] if len(answers) == 1 else answers.pop(0))


def _greeted(connection: socket.socket, certificate: Path | None) -> socket.socket:
    connection.settimeout(TIMEOUT_S)
    if certificate is None:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context.wrap_socket(connection, server_side=True)


def _read(connection: socket.socket) -> str:
    with connection.makefile("rb") as stream:
        lines = list(iter(lambda: stream.readline().decode().strip(), ""))
        length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length")), 0)
        return "\n".join([*lines, "", stream.read(length).decode()])
