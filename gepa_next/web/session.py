"""Logging in and out: a bearer token for a cookie that scripts cannot read."""

import re

from flask import Blueprint, Response, make_response, redirect, request

from gepa_next.api.edge.auth import lacking, open_route, refuse_failed_log_in, refuse_too_many, refuse_unknown_token
from gepa_next.api.edge.body import refuse_encoded
from gepa_next.api.edge.errors import error_response
from gepa_next.api.edge.identity import (
    ANYBODY,
    COOKIE,
    SESSION_S,
    end_this_session,
    find_identity,
    find_session,
    is_from_elsewhere,
    issue_session,
)
from gepa_next.api.edge.wiring import wiring
from gepa_next.errors import RefusedError
from gepa_next.tokens.lines import digest_of_token
from gepa_next.web.admission import error_page, refused_page, render

bp = Blueprint("session", __name__)
bp.register_error_handler(RefusedError, error_page)

# A path of this server: two slashes, or one and a backslash, would lead to another.
_PATH = re.compile(r"/(?![/\\])[!-~]{0,2000}")


@bp.get("/login")
@open_route
def log_in_form() -> Response:
    """Show the form, or what is wanted if no token is needed."""
    if find_identity() is not None:
        return _go_on()
    refusal = refuse_unknown_token()
    return refused_page(refusal) if refusal else render("login.html", next=_next(), wrong="")


@bp.post("/login")
@open_route
def log_in() -> Response:
    """Take a token, and have the browser keep a session of it."""
    if is_from_elsewhere():
        return _from_elsewhere()
    refuse_encoded()
    access = wiring().access
    token = access.tokens.find(digest_of_token(request.form.get("token", ""))) if access.required else ANYBODY
    if token is None:
        too_many = refuse_failed_log_in("a log-in")
        return refused_page(too_many) if too_many else _again(401, "This is none of the server's tokens.")
    if "read" not in token.scopes:
        return _again(403, f"The pages are not for this token: {lacking(token, 'read')}.")
    response = _go_on()
    response.set_cookie(
        COOKIE,
        issue_session(token),
        max_age=SESSION_S,
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
    return response


@bp.post("/logout")
@open_route
def log_out() -> Response:
    """End the session, and have the browser forget it."""
    if is_from_elsewhere():
        return _from_elsewhere()
    if (known := find_session()) is not None:
        if (too_many := refuse_too_many(known)) is not None:
            return refused_page(too_many)
        end_this_session()
    response = make_response(redirect("/login", 303))
    response.delete_cookie(COOKIE, secure=request.is_secure, httponly=True, samesite="Strict")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _again(status: int, wrong: str) -> Response:
    return render("login.html", status=status, next=_next(), wrong=wrong)


def _from_elsewhere() -> Response:
    return refused_page(error_response("cross_origin", "a page of another origin asked for this"))


def _go_on() -> Response:
    return make_response(redirect(_next(), 303))


def _next() -> str:
    wanted = request.values.get("next", "/")
    return wanted if _PATH.fullmatch(wanted) else "/"
