"""Post JSON and read the answer within a deadline and a byte limit, whatever the server does."""

import logging
import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from types import MappingProxyType
from typing import Protocol

import requests
from urllib3 import Timeout
from urllib3.exceptions import ProtocolError, SSLError

from gepa_next.llm.deadline import DeadlineAdapter, TooManyBytes
from gepa_next.llm.peers import Admits

BODY_LIMIT_BYTES = 8 * 2**20
READ_BYTES = 2**16
MOST_MEMBERS = 200  # of a packed body: what is behind each is copied
REQUEST_ID_HEADER = "X-Client-Request-Id"

_OUR_ID = re.compile(r"[0-9a-f]{64}")

# Its warnings quote what a server sent, and some servers send our key back.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class BodyTooLarge(Exception):
    """Report an answer over the byte limit, packed or unpacked."""


class BrokenBody(Exception):
    """Report an answer whose body breaks off or does not unpack."""


class DeadlinePassed(Exception):
    """Report an answer that was still arriving at the deadline."""


class CrossedAnswer(Exception):
    """Report an answer that carries the id of another request of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back over HTTP: header names in lower case, the body unpacked, that of a redirect left unread.

    `repeated` counts how often the request was sent before by what died over it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    repeated: int = 0


class Posts(Protocol):
    """Post a body and return the answer; share it among threads and close it at the end."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, fresh: bool = False) -> Answer:
        """Return the answer, on a connection of its own when `fresh`."""

    def close(self) -> None:
        """Close all connections."""


class _Session(requests.Session):
    """A session to which no answer is a redirect: requests reads the whole body of one even if it is not followed."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002  # requests' signature
        return None


class Transport:
    """Own the connections to one endpoint; share it among threads and close it at the end.

    It follows no redirects, keeps no cookies and takes neither proxy nor key from the environment. Servers are
    trusted by the certificates in `ca_file`, or by the usual ones. `admits` says of the IP address that a connection
    has led to whether anything may be sent there.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 120.0,
        connect_s: float = 10.0,
        stall_s: float = 30.0,
        connections: int = 64,
        ca_file: str = "",
        admits: Admits | None = None,
    ) -> None:
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._connect_s = connect_s
        self._stall_s = stall_s
        self._admits = admits
        self._session = self._new_session(connections)

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, fresh: bool = False) -> Answer:
        """Return the answer, on a connection of its own when `fresh`.

        Raises what requests and urllib3 raise, and this module's four.
        """
        if not fresh:
            return self._post(self._session, url, body, headers)
        with self._new_session(1) as session:
            return self._post(session, url, body, headers)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _new_session(self, connections: int) -> requests.Session:
        session = _Session()
        session.trust_env = False
        session.verify = self._ca_file or True
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = DeadlineAdapter(stall_s=self._stall_s, connections=connections, admits=self._admits)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        session.headers["Accept-Encoding"] = "gzip"
        session.headers["User-Agent"] = "gepa-next"
        return session

    def _post(self, session: requests.Session, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        ends_at = time.monotonic() + self._timeout_s
        timeout = Timeout(total=self._timeout_s, connect=self._connect_s)
        try:
            with session.post(
                url,
                data=body,
                headers=headers,
                timeout=timeout,  # type: ignore[arg-type]  # requests takes urllib3's own, its stubs do not know
                allow_redirects=False,
                stream=True,
            ) as response:
                _refuse_crossed(response, headers)
                return _read(response)
        except Exception as error:
            if time.monotonic() >= ends_at:
                raise DeadlinePassed(f"no whole answer within {self._timeout_s:g} s") from error
            raise


def _refuse_crossed(response: requests.Response, headers: Mapping[str, str]) -> None:
    """Raise before the body is read, which closes the connection: nothing that still comes on it can be believed."""
    named = response.headers.get(REQUEST_ID_HEADER, "")
    if _OUR_ID.fullmatch(named) and named != headers.get(REQUEST_ID_HEADER):
        raise CrossedAnswer("the answer is to another request")


def _read(response: requests.Response) -> Answer:
    headers = MappingProxyType({name.lower(): value for name, value in response.headers.items()})
    redirects = 300 <= response.status_code < 400  # noqa: PLR2004  # the class of HTTP statuses
    packed = b"" if redirects else _read_packed(response)
    body = _unpack(packed, headers.get("content-encoding", ""))
    return Answer(status=response.status_code, headers=headers, body=body)


def _read_packed(response: requests.Response) -> bytes:
    packed = bytearray()
    try:
        while chunk := response.raw.read1(READ_BYTES, decode_content=False):
            packed += chunk
            if len(packed) > BODY_LIMIT_BYTES:
                raise BodyTooLarge(f"over {BODY_LIMIT_BYTES} bytes")
    except (ProtocolError, SSLError) as error:
        raise _broken_off(error) from error
    return bytes(packed)


def _broken_off(error: Exception) -> Exception:
    """Return what to raise for a body that broke off, in our words: urllib3's quote what the server sent."""
    cause = error.args[-1]
    if isinstance(cause, TooManyBytes):
        return BodyTooLarge("too much around the body")
    return BrokenBody(f"the body breaks off: {type(cause).__name__}")


def _unpack(body: bytes, encoding: str) -> bytes:
    name = encoding.strip().lower()
    if name in {"", "identity"} or not body:
        return body
    if name not in {"gzip", "x-gzip"}:
        raise BrokenBody(f"an unasked-for encoding: {name[:40]}")
    unpacked = bytearray()
    for _ in range(MOST_MEMBERS):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            unpacked += unpacker.decompress(body, BODY_LIMIT_BYTES + 1 - len(unpacked))
        except zlib.error as error:
            raise BrokenBody(str(error)) from error
        if len(unpacked) > BODY_LIMIT_BYTES:
            raise BodyTooLarge(f"over {BODY_LIMIT_BYTES} bytes unpacked")
        if not unpacker.eof:
            raise BrokenBody("the packed body is cut short")
        body = unpacker.unused_data.lstrip(b"\0")
        if not body:
            return bytes(unpacked)
    raise BodyTooLarge(f"over {MOST_MEMBERS} packed parts")
