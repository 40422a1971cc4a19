"""Tickets: signed statements of what their bearer may do until when, checked without a store.

Each is signed for a token of the server's, and ends with it. The key makes sure that the digest of a token, which may
stand in files, does not suffice to make one.
"""

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256
from math import ceil

_TICKET = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")


def issue_ticket(digest: str, purpose: str, *, key: bytes, until: float) -> str:
    """Return a ticket for one purpose, signed for the digest of a token; `until` is in epoch seconds."""
    expires = str(ceil(until))
    return f"{expires}.{_signature(key, digest, purpose, expires)}"


def find_signer(digests: Iterable[str], ticket: str, purpose: str, *, key: bytes, now: float) -> str | None:
    """Return the digest that the ticket was signed for; None if it is of none, for another purpose, or over."""
    found = _TICKET.fullmatch(ticket)
    if found is None or int(found[1]) <= now:
        return None
    expires, given = found.groups()
    return next((each for each in digests if hmac.compare_digest(_signature(key, each, purpose, expires), given)), None)


def _signature(key: bytes, digest: str, purpose: str, expires: str) -> str:
    return hmac.new(key, f"{digest}\n{purpose}\n{expires}".encode(), sha256).hexdigest()
