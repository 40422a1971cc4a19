"""Read a job's event stream over HTTP as a browser would, keeping everything that came."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_S = 20.0
LONGEST_S = 40.0  # heartbeats keep a silent stream from timing out
HEARTBEAT = ":"


@dataclass(frozen=True)
class Frame:
    """One block of a stream: its lines by field name; a comment's name is empty."""

    fields: dict[str, str]

    @property
    def id(self) -> int:
        return int(self.fields["id"])

    @property
    def type(self) -> str:
        return self.fields["event"]

    @property
    def envelope(self) -> dict[str, Any]:
        return json.loads(self.fields["data"])

    @property
    def is_event(self) -> bool:
        return "data" in self.fields

    @property
    def is_heartbeat(self) -> bool:
        return self.fields == {"": ""}


def open_stream(
    base_url: str, job_id: str, *, token: str, last_event_id: str | None = None, query: str = ""
) -> requests.Response:
    """Return the open response of a job's events; the caller closes it."""
    headers = {"Authorization": f"Bearer {token}"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    url = f"{base_url}/v1/optimize/{job_id}/events{query}"
    return requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S)


def read_frames(response: requests.Response) -> Iterator[Frame]:
    """Yield every block, heartbeats and `retry` too, to the end of the stream."""
    fields: dict[str, str] = {}
    deadline = time.monotonic() + LONGEST_S
    for line in response.iter_lines(chunk_size=None):
        assert time.monotonic() < deadline, "the stream does not end"
        if not line and fields:
            yield Frame(fields)
            fields = {}
        elif line:
            name, _, value = line.decode().partition(":")
            fields[name] = value.removeprefix(" ")


def read_events(response: requests.Response) -> list[Frame]:
    """Return the events, without heartbeats and `retry`, to the end of the stream."""
    with response:
        return [each for each in read_frames(response) if each.is_event]


def parse_frames(text: str) -> list[Frame]:
    """Return the blocks of a whole stream."""
    blocks = [block.split("\n") for block in text.split("\n\n") if block]
    return [
        Frame({line.partition(":")[0]: line.partition(":")[2].removeprefix(" ") for line in lines}) for lines in blocks
    ]
