"""Whose request it is: by a bearer token, by the cookie of a page, or by the token of one event stream."""

import time
from urllib.parse import urlsplit

from gepa_next.api.edge.asked import Asked, asked
from gepa_next.api.edge.wiring import wiring
from gepa_next.tickets import find_signer, issue_ticket
from gepa_next.tokens.lines import SCOPES, Token, digest_of_token

NOBODY = "anonymous"
ANYBODY = Token(digest="", owner=NOBODY, scopes=frozenset(SCOPES))
COOKIE = "gepa_next_session"
SESSION = "session"
SESSION_S = 7 * 86_400
STREAM_TOKEN_S = 300
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
    """Return what the cookie of a page holds; it ends with its token."""
    return issue_ticket(token.digest, SESSION, key=wiring().access.ticket_key, until=time.time() + SESSION_S)


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
    return _signer(request.cookies.get(COOKIE, ""), SESSION)


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
