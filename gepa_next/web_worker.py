"""gunicorn's gevent worker, answering what never reaches the application in our one error shape."""

import json
import secrets
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn import util
from gunicorn.http import errors, wsgi
from gunicorn.workers.ggevent import GeventWorker

from gepa_next.api.edge.headers import EVERYWHERE
from gepa_next.aside import Aside
from gepa_next.awaited import Awaited, AwaitedReader, RequestWait, give_up_the_vanished, has_vanished

TELL_S = 10.0
LOOK_S = 0.05
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


class WebWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """The worker of the web process."""

    def load_wsgi(self) -> None:
        """Load the application, whose commits wait for the disk in a thread of their own while others are served."""
        super().load_wsgi()
        # Here, as it imports requests, which must come after patching.
        from gepa_next.app import commit_by  # noqa: PLC0415

        commit_by(self.wsgi, Aside())

    def run(self) -> None:
        """Serve until told to stop."""
        wsgi.Response = InOnePiece  # no setting of gunicorn's
        self._awaited = Awaited(most=self.worker_connections)
        self._servers: list[StreamServer] = []
        self._tell_at = 0.0
        give_up_the_vanished(self.sockets)
        super().run()

    def notify(self) -> None:
        """Show the server that this process is well; about once a second."""
        super().notify()
        if time.monotonic() >= self._tell_at and (cut := self._awaited.take_untold()):
            self._tell_at = time.monotonic() + TELL_S
            self.log.warning("connections ran short: %d whose requests had not come whole were closed", cut)

    def server_class(self, listener: Any, *, spawn: Pool, **given: Any) -> StreamServer:  # Any: as above
        """Return what accepts connections, as gunicorn makes it itself, and keep it so that it can be told to end."""
        tls = {name: value for name, value in given.items() if name == "ssl_context"}
        server = StreamServer(listener, handle=partial(self.handle, listener), spawn=spawn, **tls)
        if self.cfg.workers > 1:
            server.max_accept = 1
        self._servers.append(server)
        return server

    def finish(self, *, at_most_s: float) -> None:
        """Let nobody connect any more; return when all who have are answered, or the time is over."""
        until = time.monotonic() + at_most_s
        for each in self._servers:
            each.close()
        time.sleep(LOOK_S)  # whoever was accepted just now is not counted yet
        while self._awaited.unanswered() and time.monotonic() < until:
            time.sleep(LOOK_S)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:  # Any: gunicorn has no types
        """Serve the requests of a connection."""
        self._awaited.admit(client)
        try:
            super().handle(listener, client, addr)
        finally:
            self._awaited.leave()

    def timeout_ctx(self) -> RequestWait:
        """Return the wait for the next request of a connection."""
        return RequestWait(self._awaited, self.cfg.keepalive)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:  # Any: as above
        """Answer one request."""
        req.body.reader = AwaitedReader(req.body.reader, self._awaited)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            if not req.body.reader.is_at_end():
                with suppress(OSError):
                    _let_it_arrive(sock)
            raise
        except OSError as error:
            if not has_vanished(error):
                raise
            raise StopIteration from None  # as if it had closed the connection

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # Any: gunicorn has no types
        """Answer a request that could not be read; what it said is not logged, for it may hold a token."""
        request_id = secrets.token_hex(8)
        status, message = _answer_to(exc)
        facts = {"request_id": request_id, "status": status.value}
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            where = f"{getattr(req, 'method', '')} {getattr(req, 'path', '')}".strip() or "before the request was read"
            self.log.error("unexpected error in request %s: %s", request_id, where, exc_info=exc, extra=facts)
        else:
            self.log.warning(
                "request %s from %s could not be read: %s",
                request_id,
                (addr or [""])[0],
                type(exc).__name__,
                extra=facts,
            )
        try:
            util.write_nonblock(client, _answer(status, message, request_id))
            _let_it_arrive(client)
        except OSError:
            self.log.debug("nobody waits for the answer to request %s", request_id)


def _let_it_arrive(client: Any) -> None:  # Any: gunicorn has no types
    """Read on for a moment: closing a connection with something unread would take the answer back."""
    client.shutdown(socket.SHUT_WR)
    client.settimeout(LINGER_S)
    for _ in range(LINGER_READS):
        if not client.recv(LINGER_BYTES):
            return


def _answer_to(error: BaseException) -> tuple[HTTPStatus, str]:
    if not isinstance(error, _OF_THE_SERVER):
        for kind, answer in STATUS.items():
            if isinstance(error, kind):
                return answer
    return HTTPStatus.INTERNAL_SERVER_ERROR, "an error in the service; its log says more under this request id"


def _answer(status: HTTPStatus, message: str, request_id: str) -> bytes:
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
