"""SSE framing: one event, one frame, one line of JSON; frames that go out together are one chunk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gepa_next.models import StoredEvent

SCHEMA_VERSION = 1
HEARTBEAT = b":\n\n"


class Frame(NamedTuple):
    """An event as it goes over the wire; `terminal` says that a stream may end after it."""

    id: int
    encoded: bytes
    terminal: bool


def line(event: StoredEvent) -> str:
    """Return the event as one line of JSON, without its end; its data was encoded when it was committed."""
    kind, job_id = json.dumps(event.type), json.dumps(event.job_id)
    return (
        f'{{"id":{event.id},"type":{kind},"schema_version":{SCHEMA_VERSION},"job_id":{job_id}'
        f',"ts":{round(event.ts, 3)!r},"data":{event.data}}}'
    )


def frame(event: StoredEvent) -> Frame:
    """Return the event's frame."""
    text = f"id: {event.id}\nevent: {event.type}\ndata: {line(event)}\n\n"
    return Frame(event.id, text.encode(), event.terminal)


def retry_frame(retry_ms: int) -> bytes:
    """Return the frame that tells a client how long to wait before it reconnects."""
    return f"retry: {retry_ms}\n\n".encode()


def as_http_chunk(text: bytes) -> bytes:
    """Return the text as one chunk of HTTP's chunked transfer coding."""
    return b"%x\r\n%b\r\n" % (len(text), text)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames of one job with ids that follow one another, encoded once for all its streams, bare and for HTTP/1.1."""

    frames: Sequence[Frame]
    first: int
    last: int
    terminal: bool
    bare: bytes
    coded: bytes

    def after(self, last: int) -> "Chunk":
        """Return what a stream that has the event `last` lacks of it: at least its last frame."""
        return self if self.first > last else chunk([each for each in self.frames if each.id > last])


def chunk(frames: Sequence[Frame]) -> Chunk:
    """Return the frames, at least one, as one chunk."""
    bare = b"".join(each.encoded for each in frames)
    terminal = any(each.terminal for each in frames)
    return Chunk(frames, frames[0].id, frames[-1].id, terminal, bare, as_http_chunk(bare))
