"""How answers leave gunicorn's worker."""

from typing import Any

from gunicorn.http import wsgi


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
