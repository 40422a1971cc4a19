"""Decide which URLs a program may have: the operator lists them, and a name inside one is no match."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from gepa_next.llm.endpoint import Endpoint, checked_url

PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*")  # no escapes, which a server may read otherwise than we do


@dataclass(frozen=True, slots=True)
class ProgramUrls:
    """The URLs that are allowed, each with everything below it; ValueError for one that cannot be used."""

    allowed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for each in self.allowed:
            _place(each)

    def allows(self, url: str) -> bool:
        """Say whether the URL is one of them or below one; ValueError says why it can be no program's."""
        origin, path = _place(url)
        return any(_is_below(origin, path, _place(each)) for each in self.allowed)


class ProgramEndpoint(Endpoint):
    """A program's URL, which requests go to as it stands; no key is sent."""

    __slots__ = ()

    def __post_init__(self) -> None:
        _place(self.base_url)

    @property
    def post_url(self) -> str:
        """Return the address that inputs are posted to."""
        return self.base_url


def _place(url: str) -> tuple[tuple[str, str, int], str]:
    """Return scheme, host and port, and the path."""
    checked_url(url, "the URL")
    parts = urlsplit(url)
    if not _PATH.fullmatch(parts.path) or {".", ".."} & set(parts.path.split("/")):
        raise ValueError("the path of the URL must be plain, without % and without . and .. for segments")
    return (parts.scheme, (parts.hostname or "").lower(), parts.port or PORTS[parts.scheme]), parts.path


def _is_below(origin: tuple[str, str, int], path: str, allowed: tuple[tuple[str, str, int], str]) -> bool:
    allowed_origin, allowed_path = allowed
    top = allowed_path.rstrip("/")
    return origin == allowed_origin and (path in {top, allowed_path} or path.startswith(f"{top}/"))
