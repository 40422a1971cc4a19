"""Name an OpenAI-compatible endpoint: its address and key, refused when either cannot be used."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+")
_VISIBLE = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where calls go and with which key; an empty key sends none. ValueError says what is wrong."""

    base_url: str
    api_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        url = checked_url(self.base_url.strip()).rstrip("/")
        if url.endswith("/chat/completions"):
            raise ValueError("the base URL ends before /chat/completions")
        object.__setattr__(self, "base_url", url)
        object.__setattr__(self, "api_key", _checked_key(self.api_key.strip()))

    @property
    def host(self) -> str:
        """Return the host, and the port if one is named."""
        return urlsplit(self.base_url).netloc

    @property
    def post_url(self) -> str:
        """Return the address that chat completions are posted to."""
        return f"{self.base_url}/chat/completions"


def checked_url(url: str, name: str = "the base URL") -> str:
    """Return the URL; ValueError, by its name, if requests could not be sent to it as it stands."""
    if not _VISIBLE.fullmatch(url):
        raise ValueError(f"{name} must be plain ASCII without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{name} cannot be read: {error}") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"{name} must begin with http:// or https://")
    if port == 0 or not _is_host(parts.hostname or ""):
        raise ValueError(f"{name} needs a host name, and a port from 1 to 65535 if any")
    _refuse_extras(parts, name)
    return url


def _is_host(host: str) -> bool:
    return bool(_IPV6.fullmatch(host) if ":" in host else _HOST.fullmatch(host))


def _refuse_extras(parts: SplitResult, name: str) -> None:
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{name} must not carry a user name or a password; the key has its own setting")
    if parts.query or parts.fragment:
        raise ValueError(f"{name} must not have a query or a fragment")


def _checked_key(key: str) -> str:
    if not _VISIBLE.fullmatch(key):
        raise ValueError("the API key must be plain ASCII without spaces")
    return key
