"""Find the row of the fault table for an exception or an error that a provider answered with."""

import http.client
import ssl
from collections.abc import Iterator, Mapping

import requests
from urllib3 import exceptions as urllib3

from gepa_next.llm import faults
from gepa_next.llm.complaint import Complaint
from gepa_next.llm.deadline import AnswerBroken, HandshakeBroken
from gepa_next.llm.failure import Fault
from gepa_next.llm.peers import ForbiddenPeer
from gepa_next.llm.transport import BodyTooLarge, BrokenBody, CrossedAnswer, DeadlinePassed

# Looked for in the whole chain of causes, in this order: the specific first.
_BY_EXCEPTION: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Fault], ...] = (
    (ForbiddenPeer, faults.FORBIDDEN_ADDRESS),
    (DeadlinePassed, faults.DEADLINE),
    (BodyTooLarge, faults.TOO_LARGE),
    ((BrokenBody, AnswerBroken), faults.CUT_SHORT),
    (CrossedAnswer, faults.MALFORMED),
    (ssl.SSLCertVerificationError, faults.BAD_ADDRESS),
    ((urllib3.NewConnectionError, urllib3.ConnectTimeoutError, requests.ConnectTimeout), faults.UNREACHABLE),
    ((urllib3.ReadTimeoutError, requests.ReadTimeout, TimeoutError), faults.STALLED),
    ((UnicodeError, urllib3.LocationValueError, urllib3.URLSchemeUnknown, requests.exceptions.InvalidURL),
     faults.BAD_ADDRESS),
    ((requests.exceptions.InvalidHeader, requests.exceptions.InvalidSchema), faults.BAD_ADDRESS),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), faults.RESET),
    ((requests.exceptions.SSLError, urllib3.SSLError), faults.CUT_SHORT),
    (http.client.RemoteDisconnected, faults.RESET),
    (http.client.HTTPException, faults.MALFORMED),
    ((urllib3.ProtocolError, ConnectionError), faults.RESET),
    (requests.ConnectionError, faults.UNREACHABLE),
)  # fmt: skip

_NOT_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}  # what OpenSSL calls an answer in plain HTTP

TRANSPORT_ERRORS = (
    requests.RequestException, urllib3.HTTPError, http.client.HTTPException, OSError, UnicodeError,
    BodyTooLarge, BrokenBody, CrossedAnswer, DeadlinePassed, ForbiddenPeer,
)  # fmt: skip

# The provider's own words go before its status: the same 429 says "wait" and "pay".
_BY_WORD: tuple[tuple[tuple[str, ...], Fault], ...] = (
    (("context_length", "context length", "context window", "context size", "maximum context", "prompt is too long",
      "maximum prompt length", "input is too long", "range of input length", "`inputs` tokens + `max_new_tokens`",
      "too many tokens", "exceeds the maximum number of tokens", "string_above_max_length",
      "request too large"), faults.CONTEXT_LENGTH),
    (("content_filter", "content filter", "content_policy", "content management policy", "data_inspection_failed",
      "moderation", "flagged"), faults.REFUSED),
    (("json_validate_failed",), faults.MALFORMED_REPLY),
    (("insufficient_quota", "insufficient_balance", "insufficient balance", "insufficient credit",
      "insufficient_credit", "billing_hard_limit", "requires more credits", "payment required",
      "exceeded_current_quota_error", "billing_not_active", "credit balance is too low", "used all available credits",
      "monthly spending limit"), faults.QUOTA),
    (("invalid_api_key", "incorrect api key", "invalid api key", "authentication_error"), faults.AUTH),
    (("model_not_found", "not a valid model"), faults.NO_MODEL),
    (("parse grammar", "compile grammar", "invalid grammar"), faults.BAD_REQUEST),
)  # fmt: skip
_SLOW_DOWN = ("rate_limit", "rate limit", "too many requests", "resource_exhausted", "overloaded")

# A server that is down may speak of its moderation, and a wrong key or request of rate limits.
_BELIEVED_AT: Mapping[Fault, set[int]] = {
    faults.REFUSED: {200, 400, 403, 422, 451},
    faults.RATE_LIMITED: {200, 403, 429, 500, 503, 529},
}

_BY_STATUS: Mapping[int, Fault] = {
    401: faults.AUTH, 402: faults.QUOTA, 403: faults.AUTH, 404: faults.NO_MODEL, 408: faults.SERVER_ERROR,
    409: faults.SERVER_ERROR, 413: faults.CONTEXT_LENGTH, 425: faults.SERVER_ERROR, 429: faults.RATE_LIMITED,
    529: faults.RATE_LIMITED,
}  # fmt: skip


def classify_exception(error: BaseException) -> Fault:
    """Return the row for what requests, urllib3 or the transport raised."""
    chain = list(_chain(error))
    reasons = {getattr(link, "reason", "") for link in chain if isinstance(link, ssl.SSLError)}
    if reasons & _NOT_TLS and any(isinstance(link, HandshakeBroken) for link in chain):
        return faults.BAD_ADDRESS
    for types, fault in _BY_EXCEPTION:
        if any(isinstance(link, types) for link in chain):
            return fault
    return faults.RESET


def describe_exception(error: BaseException) -> str:
    """Return the system's words for what happened, else ours, else the exception's name: no address, no key."""
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, OSError) and link.strerror:
            return link.strerror
    if isinstance(error, BodyTooLarge | BrokenBody | CrossedAnswer | DeadlinePassed | ForbiddenPeer):
        return str(error)
    precise = [link for link in chain if isinstance(link, HandshakeBroken | http.client.HTTPException)]
    return type((precise or chain)[0]).__name__


def classify_error(status: int, complaint: Complaint) -> Fault:
    """Return the row for an error answer: by its codes first, by its prose second, by its status at last."""
    for said in (complaint.codes, complaint.prose):
        for spellings, fault in _BY_WORD:
            if status in _BELIEVED_AT.get(fault, {status}) and any(spelling in said for spelling in spellings):
                return fault
    # Last, also as a code: what is too large for any minute is called a rate limit too.
    slow_down = status in _BELIEVED_AT[faults.RATE_LIMITED] and complaint.has(*_SLOW_DOWN)
    return faults.RATE_LIMITED if slow_down else classify_status(status)


def classify_status(status: int) -> Fault:
    """Return the row for a status without an explanation."""
    if 300 <= status < 400:  # noqa: PLR2004  # the classes of HTTP statuses
        return faults.REDIRECT
    return _BY_STATUS.get(status, faults.BAD_REQUEST if 400 <= status < 500 else faults.SERVER_ERROR)  # noqa: PLR2004


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and what it was raised from; requests keeps urllib3's error in its arguments."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = (link.__cause__, link.__context__, getattr(link, "reason", None), *link.args)
        waiting += [each for each in inner if isinstance(each, BaseException)]
