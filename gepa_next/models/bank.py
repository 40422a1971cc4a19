"""Examples kept for later jobs, and what tells one from another."""

from dataclasses import dataclass
from hashlib import sha256

from gepa_next.gepa.types import Example


def content_hash(text: str, ideal: str | None) -> str:
    """Return 16 hex digits for what an example asks and hopes for."""
    return sha256("\0".join((text, ideal or "")).encode()).hexdigest()[:16]


def content_id(hashed: str) -> str:
    """Return the id of an example that has none of its own, made from the hash of its content."""
    return f"x-{hashed[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankExample:
    """An example kept for later jobs, of one token."""

    example: Example
    created_at: float
