"""gunicorn's gevent worker, which answers what never reaches the application too, and leaves nobody unanswered."""

import time
from contextlib import suppress
from functools import partial
from typing import Any

from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.http import wsgi
from gunicorn.workers.ggevent import GeventWorker

from gepa_next.serving.answers import InOnePiece
from gepa_next.serving.aside import Aside
from gepa_next.serving.awaited import Awaited, AwaitedReader, RequestWait, give_up_the_vanished, has_vanished
from gepa_next.serving.refusals import let_it_arrive, refuse_codings

TELL_S = 10.0
LOOK_S = 0.05


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
        """Answer one request; UnsupportedTransferCoding if its body is packed in a way that gunicorn passes over."""
        refuse_codings(req)
        req.body.reader = AwaitedReader(req.body.reader, self._awaited)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except StopIteration:
            if not req.body.reader.is_at_end():
                with suppress(OSError):
                    let_it_arrive(sock)
            raise
        except OSError as error:
            if not has_vanished(error):
                raise
            raise StopIteration from None  # as if it had closed the connection
