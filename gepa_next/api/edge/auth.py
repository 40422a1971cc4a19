"""Before and after every request: its token, its rate, its origin; open routes are marked with `@open_route`."""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, Response, current_app

from gepa_next.api.edge.asked import Asked, asked
from gepa_next.api.edge.errors import error_response
from gepa_next.api.edge.identity import SAFE, find_identity, has_token, is_from_elsewhere, shown
from gepa_next.api.edge.rates import Allowance
from gepa_next.api.edge.wiring import wiring
from gepa_next.errors import RefusedError
from gepa_next.logs import begin
from gepa_next.tokens.lines import Token

ALLOWED_HEADERS = (
    "Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "If-Match", "If-None-Match"
)  # fmt: skip
EXPOSED_HEADERS = ("Location", "Content-Location", "ETag", "X-Request-ID", "Idempotent-Replayed", "RateLimit")
METRICS = frozenset({"metrics.prometheus", "metrics.flat"})
View = TypeVar("View", bound=Callable[..., object])


def open_route(view: View) -> View:
    """Mark a view that answers without a token."""
    view.is_open = True  # type: ignore[attr-defined]  # read by is_open below
    return view


def needs(scope: str) -> Callable[[View], View]:
    """Mark a view with the scope that it asks for, where its method does not say it."""

    def mark(view: View) -> View:
        view.scope = scope  # type: ignore[attr-defined]  # read by _scope below
        return view

    return mark


def opens_streams(view: View) -> View:
    """Mark a view whose requests are counted among themselves, for streams have limits of their own."""
    view.opens_streams = True  # type: ignore[attr-defined]  # read by _allowance below
    return view


def is_open(endpoint: str | None) -> bool:
    """Say whether the endpoint answers without a token; unknown ones do, with a 404."""
    view = _view(endpoint)
    return view is None or getattr(view, "is_open", False)


def register_auth(app: Flask) -> None:
    """Check every request before its view, and finish its response after."""
    app.before_request(_admit)
    app.after_request(_finish)


def token_id() -> str:
    """Return whose request this is."""
    return token().owner


def token() -> Token:
    """Return the token behind this request."""
    found = asked().token
    assert found is not None  # noqa: S101 - only open views are called without
    return found


def _admit() -> Response | None:
    request = asked()
    begin(request_id=request.request_id)
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return Response(status=204)
    if is_open(request.endpoint) and not (request.endpoint in METRICS and wiring().access.metrics_required):
        return None
    return admit()


def admit() -> Response | None:
    """Take down whose request this is, and return None; or return why it is refused."""
    known = find_identity()
    if known is None:
        return _unauthorized()
    if is_from_elsewhere():
        return error_response("cross_origin", "a page of another origin asked for this")
    request = asked()
    request.token = known
    return refuse_too_many(known) or _forbidden(request, known)


def refuse_too_many(known: Token) -> Response | None:
    """Count a request of the owner's; return the refusal if there were too many."""
    request = asked()
    return _too_many(request, _allowance(request, known))


def _allowance(request: Asked, known: Token) -> Allowance:
    parts, own_pace = wiring(), known.limits.requests_per_min
    if getattr(_view(request.endpoint), "opens_streams", False):
        return parts.openings.take(known.owner, per_minute=own_pace, may_hold=parts.most_streams_of(known))
    return parts.requests.take(known.owner, per_minute=own_pace)


def check_scope(scope: str) -> None:
    """Raise RefusedError if the token behind this request has not the scope."""
    if scope not in token().scopes:
        raise RefusedError("forbidden", lacking(token(), scope))


def lacking(known: Token, scope: str) -> str:
    """Say which scope a token would need, and which it has."""
    return f"this needs the scope {scope}; the token has {', '.join(sorted(known.scopes))}"


def _forbidden(request: Asked, known: Token) -> Response | None:
    scope = _scope(request)
    if scope in known.scopes:
        return None
    message = lacking(known, scope)
    response = error_response("forbidden", message, [{"path": "scope", "message": scope}])
    response.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{scope}"'
    return response


def _scope(request: Asked) -> str:
    """Return what the view asks for: to read what only reads, else to write, unless it is marked."""
    return str(getattr(_view(request.endpoint), "scope", "read" if request.method in SAFE else "write"))


def _view(endpoint: str | None) -> Callable[..., object] | None:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - as asked()
    return app.view_functions.get(endpoint or "")


def refuse_failed_log_in(what: str | None) -> Response | None:
    """Count a log-in that failed, and log it if anything was shown; return the refusal if an address has too many."""
    request = asked()
    address = request.remote_addr or ""
    too_many = _too_many(request, wiring().failures.take(address))
    if what is not None and too_many is None:
        wiring().refused.tell(what, address)
    return too_many


def refuse_unknown_token() -> Response | None:
    """Return the refusal if a token is shown that is none: for open routes, which have more for who has one."""
    return _unauthorized() if has_token(asked()) and find_identity() is None else None


def may(scope: str) -> bool:
    """Say whether whoever is behind a request to an open route has the scope."""
    known = find_identity()
    return known is not None and scope in known.scopes


def _unauthorized() -> Response:
    said = "send a valid token: Authorization: Bearer TOKEN"
    return refuse_failed_log_in(shown()) or error_response("unauthorized", said)


def _too_many(request: Asked, allowance: Allowance) -> Response | None:
    if allowance.per_minute:
        request.rate_limit = (
            f"limit={allowance.per_minute}, remaining={allowance.remaining}, reset={allowance.retry_after_s}"
        )
    if allowance.allowed:
        return None
    response = error_response("rate_limited", f"too many requests; try again in {allowance.retry_after_s} s")
    response.headers["Retry-After"] = str(allowance.retry_after_s)
    return response


def _finish(response: Response) -> Response:
    request = asked()
    if request.rate_limit:
        response.headers["RateLimit"] = request.rate_limit
    origin = request.environ.get("HTTP_ORIGIN")
    if origin and origin in wiring().access.origins:
        _allow(response, origin)
    return response


def _allow(response: Response, origin: str) -> None:
    response.headers["Access-Control-Allow-Origin"] = origin
    response.vary.add("Origin")
    response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE"
    response.headers["Access-Control-Allow-Headers"] = ", ".join(ALLOWED_HEADERS)
    response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED_HEADERS)
