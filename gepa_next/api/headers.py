"""The headers that every answer has, unless it says otherwise itself: what a browser must not do with it."""

from collections.abc import Mapping
from types import MappingProxyType

EVERYWHERE: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
)
