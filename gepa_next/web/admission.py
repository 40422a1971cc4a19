"""Who may see a page, and what every page is sent with."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlencode

from flask import Response, make_response, redirect, render_template, request

from gepa_next.api.edge.auth import admit, open_route
from gepa_next.api.edge.errors import STATUS_BY_CODE
from gepa_next.api.edge.identity import COOKIE
from gepa_next.api.edge.wiring import wiring
from gepa_next.errors import InvalidError, RefusedError
from gepa_next.web.assets import STYLE, STYLE_HASH, scripts, url_of
from gepa_next.web.packing import packed

Given = ParamSpec("Given")
POLICY = (
    f"default-src 'self'; style-src 'self' 'sha256-{STYLE_HASH}'; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
KEPT = frozenset({"Allow", "Retry-After"})


def page(view: Callable[Given, Response]) -> Callable[Given, Response]:
    """Have a view seen by whoever is logged in, and others sent to log in first."""

    @open_route
    @wraps(view)
    def admitted(*args: Given.args, **kwargs: Given.kwargs) -> Response:
        refusal = admit()
        if refusal is None:
            return view(*args, **kwargs)
        return to_log_in() if refusal.status_code == STATUS_BY_CODE["unauthorized"] else refused_page(refusal)

    return admitted


def render(template: str, *, status: int = 200, **values: object) -> Response:
    """Return a page."""
    parts = wiring()
    can_log_out = parts.access.required and COOKIE in request.cookies
    shown = rendered(template, simulated_server=parts.roles.simulated, can_log_out=can_log_out, **values)
    response = make_response(shown, status)
    response.headers.update(HEADERS)
    return packed(response)


def rendered(template: str, **values: object) -> str:
    """Return the text of a page, with what all pages need."""
    return render_template(template, style=STYLE, url_of=url_of, scripts=scripts(), **values)


def to_log_in() -> Response:
    """Send the browser to log in, and back here after."""
    here = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return make_response(redirect("/login" if here == "/" else f"/login?{urlencode({'next': here})}", 303))


def refused_page(refusal: Response) -> Response:
    """Return the page that says what an answer of the API says."""
    error = refusal.get_json()["error"]
    said = [(each["path"], each["message"]) for each in error["details"]]
    answer = _told(refusal.status_code, error["code"], error["message"], said)
    for name in KEPT & set(refusal.headers.keys()):
        answer.headers[name] = refusal.headers[name]
    return answer


def error_page(error: RefusedError) -> Response:
    """Return the page of an error."""
    details = error.details if isinstance(error, InvalidError) else ()
    return _told(STATUS_BY_CODE[error.code], error.code, error.message, details)


def _told(status: int, code: str, message: str, details: Sequence[tuple[str, str]]) -> Response:
    return render("error.html", status=status, code=code, message=message, details=details)
