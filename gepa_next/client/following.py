"""Read an event stream: bytes to lines, lines to events."""

import json
from collections.abc import Iterator

import requests
import urllib3.exceptions

from gepa_next.client.errors import NoServerError, not_ours, unreachable
from gepa_next.client.reading import UnreadableError, read
from gepa_next.client.states import Event

READ_BYTES = 65536
EVENT_STREAM = "text/event-stream"
BROKEN = (OSError, urllib3.exceptions.HTTPError, requests.RequestException)


def stream_events(answer: requests.Response) -> Iterator[Event]:
    """Yield the events of a stream as they come; NoServerError when it breaks."""
    if not answer.headers.get("Content-Type", "").startswith(EVENT_STREAM):
        raise not_ours(answer)
    for data in _data(_lines(answer)):
        yield _event(answer, data)


def _event(answer: requests.Response, data: bytes) -> Event:
    try:
        return read(Event, json.loads(data))
    except (ValueError, RecursionError, UnreadableError):
        raise not_ours(answer) from None


def _data(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the data of each event; one that is not complete at the end of the stream is left out."""
    data = b""
    for line in lines:
        if line.startswith(b"data:"):
            data = line[5:].strip()
        elif not line and data:
            yield data
            data = b""


def _lines(answer: requests.Response) -> Iterator[bytes]:
    rest = b""
    while piece := _piece(answer):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")


def _piece(answer: requests.Response) -> bytes:
    """Return what is there, and wait only for the first byte; nothing at the end."""
    try:
        piece: bytes = answer.raw.read1(READ_BYTES, decode_content=True)
    except BROKEN as error:
        raise unreachable(str(answer.url).split("/v1/", 1)[0], error) from None
    return piece


def ended_early(url: str) -> NoServerError:
    """Return the error for a stream that ended without an event."""
    return NoServerError("unreachable", f"{url} ends its event streams at once")
