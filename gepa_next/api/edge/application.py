"""Flask without what no request of this service needs, and what each would be asked for anew."""

from collections.abc import Callable

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter

from gepa_next.api.edge.asked import Asked


class _NoSessions(SessionInterface):
    """Flask's sessions, of which there are none: the cookie of a page is read where tokens are."""

    def __init__(self) -> None:
        self._none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002 - as Flask calls it
        """Return what refuses to hold anything."""
        return self._none


class Application(Flask):
    """Flask without coroutines, sessions, hosts and web sockets; no blueprint has functions around its requests."""

    request_class = Asked
    session_interface = _NoSessions()

    def ensure_sync(self, func: Callable[..., object]) -> Callable[..., object]:
        """Return the function as it is."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds the request's route."""
        if request is None:
            return None  # outside of requests there is no host
        return MapAdapter(
            self.url_map,
            server_name=request.host.lower(),
            script_name=request.root_path,
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
            query_args=request.query_string.decode(errors="replace"),
        )

    def preprocess_request(self) -> Response | None:
        """Return the answer of the first function before requests that has one."""
        for before in self.before_request_funcs[None]:
            if (answer := before()) is not None:
                return answer  # type: ignore[return-value]  # ours return no others
        return None

    def process_response(self, response: Response) -> Response:
        """Return the answer as the functions after requests leave it, the last registered first."""
        for after in reversed(self.after_request_funcs[None]):
            response = after(response)
        return response

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Tell those who want to know how the request ended."""
        for after in reversed(self.teardown_request_funcs[None]):
            after(exc)
