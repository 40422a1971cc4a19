"""Whose request it is: by a bearer token, by the cookie of a page, or by the token of one event stream."""

import re
import secrets
import time
from urllib.parse import urlsplit

from gepa_next.api.edge.asked import Asked, asked
from gepa_next.api.edge.wiring import wiring
from gepa_next.store.ended_sessions import end_session, has_session_ended
from gepa_next.tickets import find_signer, issue_ticket
from gepa_next.tokens.lines import SCOPES, Token, digest_of_token

NOBODY = "anonymous"
ANYBODY = Token(digest="", owner=NOBODY, scopes=frozenset(SCOPES))
COOKIE = "gepa_next_session"
SESSION_S = 7 * 86_400
STREAM_TOKEN_S = 300
_SESSION = re.compile(r"([0-9a-f]{16})\.(.*)")
_STREAM_ENDPOINT = "events.follow"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def find_identity() -> Token | None:
    """Return the token behind the request, None if it shows nothing valid."""
    access = wiring().access
    if not access.required:
        return ANYBODY
    request = asked()
    digest = _bearer(request) if has_token(request) else _stream_token(request) or _cookie(request)
    return access.tokens.find(digest or "")


def shown() -> str | None:
    """Return what the request shows in order to be let in, in words; None if nothing."""
    request = asked()
    if has_token(request):
        return "a token"
    if request.endpoint == _STREAM_ENDPOINT and "stream_token" in request.args:
        return "a stream token"
    return "a session" if COOKIE in request.cookies else None


def issue_session(token: Token) -> str:
    """Return what the cookie of a page holds; it ends with its token, or when it is ended."""
    session_id, key = secrets.token_hex(8), wiring().access.ticket_key
    ticket = issue_ticket(token.digest, session_of(session_id), key=key, until=time.time() + SESSION_S)
    return f"{session_id}.{ticket}"


def session_of(session_id: str) -> str:
    """Return the purpose of a ticket that is one session."""
    return f"session/{session_id}"


def find_session() -> Token | None:
    """Return the token behind the cookie of the request, None if there is none that is good."""
    return wiring().access.tokens.find(_cookie(asked()) or "")


def end_this_session() -> None:
    """Have nobody let in any more by the cookie of the request, which is a good one, nor by a copy of it."""
    session_id = asked().cookies[COOKIE].partition(".")[0]
    end_session(wiring().database, session_id, until=time.time() + SESSION_S, now=time.time())


def issue_stream_token(job_id: str, *, until: float) -> str:
    """Return a token for the events of one job, on behalf of whose request this is; it ends with their token."""
    request = asked()
    signer = _bearer(request) if has_token(request) else _cookie(request)
    return issue_ticket(signer or "", _stream_of(job_id), key=wiring().access.ticket_key, until=until)


def is_from_elsewhere() -> bool:
    """Say whether a page of another origin may be behind a request that would change something.

    A request with a token in a header was meant by whoever has the token. For others the browser says where they
    come from, in `Sec-Fetch-Site` or else `Origin`: where a cookie lets it in it must, and without authentication what
    says neither is no browser.
    """
    request = asked()
    if request.method in SAFE or has_token(request):
        return False
    access = wiring().access
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if not access.required and origin in access.origins:
        return False
    if site is not None:
        return site != "same-origin"
    return urlsplit(origin).netloc != request.host if origin is not None else access.required


def has_token(request: Asked) -> bool:
    """Say whether the request comes with a token of its own, be it a good one or not."""
    return "HTTP_AUTHORIZATION" in request.environ


def _bearer(request: Asked) -> str | None:
    scheme, _, token = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return digest_of_token(token) if scheme.lower() == "bearer" else None


def _cookie(request: Asked) -> str | None:
    found = _SESSION.fullmatch(request.cookies.get(COOKIE, ""))
    if found is None or (signer := _signer(found[2], session_of(found[1]))) is None:
        return None
    return None if has_session_ended(wiring().database, found[1]) else signer


def _stream_token(request: Asked) -> str | None:
    """Return who let somebody follow this job; it opens nothing else."""
    if request.endpoint != _STREAM_ENDPOINT or request.view_args is None:
        return None
    return _signer(request.args.get("stream_token", ""), _stream_of(request.view_args["job_id"]))


def _signer(ticket: str, purpose: str) -> str | None:
    access = wiring().access
    return find_signer(access.tokens.digests(), ticket, purpose, key=access.ticket_key, now=time.time())


def _stream_of(job_id: str) -> str:
    return f"stream/{job_id}"
