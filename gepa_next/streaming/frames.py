"""SSE framing: one event, one frame, one line of JSON."""

import json
from typing import NamedTuple

from gepa_next.models import StoredEvent

SCHEMA_VERSION = 1


class Frame(NamedTuple):
    """An event as it goes over the wire; `terminal` says that a stream may end after it."""

    id: int
    encoded: bytes
    terminal: bool


HEARTBEAT = Frame(0, b":\n\n", terminal=False)


def line(event: StoredEvent) -> str:
    """Return the event as one line of JSON, without its end; its data was encoded when it was committed."""
    envelope = json.dumps(
        {
            "id": event.id,
            "type": event.type,
            "schema_version": SCHEMA_VERSION,
            "job_id": event.job_id,
            "ts": round(event.ts, 3),
        },
        separators=(",", ":"),
    )
    return f'{envelope[:-1]},"data":{event.data}}}'


def frame(event: StoredEvent) -> Frame:
    """Return the event's frame."""
    text = f"id: {event.id}\nevent: {event.type}\ndata: {line(event)}\n\n"
    return Frame(event.id, text.encode(), event.terminal)


def retry_frame(retry_ms: int) -> bytes:
    """Return the frame that tells a client how long to wait before it reconnects."""
    return f"retry: {retry_ms}\n\n".encode()
