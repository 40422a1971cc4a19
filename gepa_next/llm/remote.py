"""Post from another process: the request travels there, and the answer, or what befell it, comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from gepa_next.elsewhere import Elsewhere, NotDone
from gepa_next.llm import faults
from gepa_next.llm.classify import TRANSPORT_ERRORS, classify_exception, describe_exception
from gepa_next.llm.failure import Failure, Fault
from gepa_next.llm.transport import Answer, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportLimits:
    """What a transport is made with, in this process or in others."""

    timeout_s: float = 120.0
    connections: int = 64
    ca_file: str = ""

    def transport(self) -> Transport:
        """Return a transport in this process."""
        return Transport(timeout_s=self.timeout_s, connections=self.connections, ca_file=self.ca_file)


@dataclass(frozen=True, slots=True)
class Befell:
    """What a request met instead of an answer, in a form that travels."""

    fault: Fault
    detail: str


class RemoteTransport:
    """Stand where a Transport stands; the connections are those of other processes, and stay open there.

    A request that was sent several times, because what had sent it died, says so in its answer or failure.
    """

    def __init__(self, elsewhere: Elsewhere, limits: TransportLimits) -> None:
        self._elsewhere = elsewhere
        self._limits = limits

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, fresh: bool = False) -> Answer:
        """Return the answer; Failure if there is none."""
        request = (self._limits, url, body, dict(headers), fresh)
        try:
            done = self._elsewhere(post_there, *request, lasts_s=self._limits.timeout_s)
        except NotDone as error:  # nobody knows of what was begun whether it was sent
            fault = faults.CUT_SHORT if error.begun else faults.UNREACHABLE
            raise Failure(fault, str(error), repeated=max(error.begun - 1, 0)) from error
        if isinstance(done.result, Befell):
            raise Failure(done.result.fault, done.result.detail, repeated=done.begun - 1)
        return replace(done.result, repeated=done.begun - 1)

    def close(self) -> None:
        """Close nothing: no connection belongs to this process."""


def post_there(
    limits: TransportLimits,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    fresh: bool,  # noqa: FBT001  # positional on its way
) -> Answer | Befell:
    """Post in this process, and return what can travel back."""
    try:
        answer = _transport(limits).post(url, body, headers, fresh=fresh)
    except TRANSPORT_ERRORS as error:
        return Befell(classify_exception(error), describe_exception(error))
    return replace(answer, headers=dict(answer.headers))


@cache
def _transport(limits: TransportLimits) -> Transport:
    return limits.transport()
