"""The headers that every answer has: its request's id, and, unless it says otherwise, what a browser must not do."""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

EVERYWHERE: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
)
REQUEST_ID = "gepa_next.request_id"
_GIVEN = re.compile(r"[!-~]{1,128}")


def register_headers(app: "Flask") -> None:
    """Give every request an id, in its environment, and every answer that id and the headers."""
    app.wsgi_app = _with_headers(app.wsgi_app)  # type: ignore[assignment]  # as Flask says to


def _with_headers(served: "WSGIApplication") -> "WSGIApplication":
    """Add them where an answer leaves: Flask would look through all headers for each, and then copy them."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = environ[REQUEST_ID] = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None, /
        ) -> Callable[[bytes], object]:
            said = dict(headers)
            lacking = [header for header in EVERYWHERE.items() if header[0] not in said]
            return start_response(status, [*headers, ("X-Request-ID", request_id), *lacking], exc_info)

        return served(environ, start)

    return application
