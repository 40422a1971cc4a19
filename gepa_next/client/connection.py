"""Ask the service over HTTP, and wait for it where that helps."""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests

from gepa_next.client.errors import ClientError, NoServerError, not_ours, refusal, unreachable
from gepa_next.client.options import Json
from gepa_next.client.reading import UnreadableError, read

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
PAGE = 100
BLOCK = 64 * 1024
NETWORK_ERRORS = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)

T = TypeVar("T")
OnWait = Callable[[ClientError, float], None]


class Patience:
    """How long a server is waited for: pauses that grow, `most_s` of them in a row."""

    def __init__(self, most_s: float, on_wait: OnWait | None) -> None:
        self._most_s = most_s
        self._on_wait = on_wait
        self._since: float | None = None
        self._pause_s = FIRST_PAUSE_S

    def meet(self) -> None:
        """Note that the server is there, which says nothing of how long."""
        self._since = None

    def renew(self) -> None:
        """Note that it serves."""
        self._since = None
        self._pause_s = FIRST_PAUSE_S

    def wait(self, error: ClientError) -> None:
        """Pause before the next attempt, as long as the server asks at least; raise the error if that is too long."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        pause_s = max(self._pause_s, error.retry_after_s)
        if now - self._since + pause_s > self._most_s:
            raise error
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if self._on_wait is not None:
            self._on_wait(error, pause_s)
        time.sleep(pause_s)


class Connection:
    """A connection to one server, and what all parts of the client ask through."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        timeout_s: float = 30.0,
        patience_s: float = 300.0,
        ca_file: str | None = None,
        on_wait: OnWait | None = None,
    ) -> None:
        self._url = _checked_url(url)
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._on_wait = on_wait
        self._has_answered = False
        self._session = requests.Session()
        self._session.trust_env = False  # a netrc entry would replace the token
        self._session.verify = ca_file or True
        if token:
            self._session.headers["Authorization"] = f"Bearer {_checked_token(token)}"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _patience(self) -> Patience:
        return Patience(self._patience_s, self._on_wait)

    def _read(self, kind: type[T], method: str, path: str, **options: Any) -> T:  # Any: passed on to requests
        answer = self._request(method, path, **options)
        return self._shaped(kind, answer, self._parsed(answer))

    def _list(self, kind: type[T], path: str, **options: Any) -> list[T]:  # Any: as above
        answer = self._request("GET", path, **options)
        return [self._shaped(kind, answer, each) for each in self._items_in(answer)]

    def _pages(self, kind: type[T], path: str, most: int | None, **query: object) -> Iterator[T]:
        return islice(self._every(kind, path, {**query, "limit": min(most or PAGE, PAGE)}), most)

    def _every(self, kind: type[T], path: str, query: Json) -> Iterator[T]:
        cursor: str | None = None
        while True:
            answer = self._request("GET", path, params={**query, "cursor": cursor})
            for each in self._items_in(answer):
                yield self._shaped(kind, answer, each)
            cursor = self._parsed(answer).get("next_cursor")
            if cursor is None:
                return

    def _streamed(self, method: str, path: str, **options: Any) -> Iterator[bytes]:  # Any: as above
        """Yield the body of the answer as it comes; NoServerError if it breaks off."""
        with self._request(method, path, stream=True, **options) as answer:
            try:
                yield from answer.iter_content(BLOCK)
            except NETWORK_ERRORS as error:
                raise unreachable(self._url, error) from None

    def _items_in(self, answer: requests.Response) -> list[object]:
        items = self._parsed(answer).get("items")
        if not isinstance(items, list):
            raise not_ours(answer)
        return items

    def _parsed(self, answer: requests.Response) -> Json:
        try:
            value = answer.json()
        except (ValueError, RecursionError):
            raise not_ours(answer) from None
        if not isinstance(value, dict):
            raise not_ours(answer)
        return value

    def _shaped(self, kind: type[T], answer: requests.Response, value: object) -> T:
        try:
            return read(kind, value)
        except UnreadableError as error:
            raise NoServerError(
                "not_gepa_next", f"{self._url} is no gepa-next server: {error}", status=answer.status_code
            ) from None

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:  # Any: passed on to requests
        patience = self._patience()
        while True:
            try:
                return self._send(method, path, **options)
            except ClientError as error:
                if not (error.is_busy or (method == "GET" and self._may_come_back(error))):
                    raise
                patience.wait(error)

    def _may_come_back(self, error: ClientError) -> bool:
        return self._has_answered and isinstance(error, NoServerError) and error.may_pass

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:  # Any: as above
        try:
            answer = self._session.request(
                method, self._url + path, timeout=self._timeout_s, allow_redirects=False, **options
            )
            if answer.status_code >= requests.codes.multiple_choices:
                with answer:
                    raise refusal(answer)
        except NETWORK_ERRORS as error:
            raise unreachable(self._url, error) from None
        except requests.exceptions.InvalidJSONError as error:
            raise ValueError(f"no JSON can carry the request: {error}") from None
        self._has_answered = True
        return answer


def segment(text: str | int) -> str:
    """Return the text as one segment of a path."""
    return quote(str(text), safe="")


def _checked_url(url: str) -> str:
    found = urlsplit(url)
    if found.scheme not in {"http", "https"} or not found.hostname or found.query or found.fragment:
        raise ValueError(f"not the address of a server, as http://127.0.0.1:8000 is: {url!r}")
    if found.username is not None:
        raise ValueError("the address of a server has no user name in it; the token goes beside it")
    _ = found.port  # raises ValueError for one that is no number
    return url.rstrip("/")


def _checked_token(token: str) -> str:
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("a token is visible ASCII characters")
    return token
