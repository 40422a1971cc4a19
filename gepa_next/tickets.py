"""Tickets: signed statements of what their bearer may do until when, checked without a store.

The key is the digest of a token of the server's: a ticket is as good as its token, and ends with it.
"""

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256
from math import ceil

_TICKET = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")


def issue_ticket(digest: str, purpose: str, *, until: float) -> str:
    """Return a ticket for one purpose, signed with the digest of a token; `until` is in epoch seconds."""
    expires = str(ceil(until))
    return f"{expires}.{_signature(digest, purpose, expires)}"


def find_signer(digests: Iterable[str], ticket: str, purpose: str, *, now: float) -> str | None:
    """Return the digest that the ticket was signed with; None if it is of none, for another purpose, or over."""
    found = _TICKET.fullmatch(ticket)
    if found is None or int(found[1]) <= now:
        return None
    expires, given = found.groups()
    return next((each for each in digests if hmac.compare_digest(_signature(each, purpose, expires), given)), None)


def _signature(digest: str, purpose: str, expires: str) -> str:
    return hmac.new(digest.encode(), f"{purpose}\n{expires}".encode(), sha256).hexdigest()
