"""What the tests of event streams read: answers in pieces of any size, and the rules of a browser."""

import re
from collections.abc import Iterator, Sequence

import requests


class Pieces:
    """The raw side of an answer that comes in these pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._rest = iter([each for each in pieces if each])

    def read1(self, _: int, *, decode_content: bool) -> bytes:
        """Return the next piece, nothing at the end."""
        assert decode_content
        return next(self._rest, b"")


def answer_in(pieces: Sequence[bytes]) -> requests.Response:
    """Return an event stream that comes in these pieces."""
    answer = requests.Response()
    answer.status_code, answer.url = 200, "http://127.0.0.1/v1/optimize/x/events"
    answer.headers["Content-Type"] = "text/event-stream; charset=utf-8"
    answer.raw = Pieces(pieces)
    return answer


def dispatched(data: bytes) -> Iterator[dict[str, str]]:
    """Yield each event as the HTML standard has an EventSource dispatch it: last id, type and data."""
    last_id, kind, lines = "", "", list[str]()
    for line in re.split(r"\r\n|\n|\r", data.decode("utf-8", "replace").removeprefix("\ufeff")):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if lines:
                yield {"id": last_id, "event": kind or "message", "data": "\n".join(lines)}
            kind, lines = "", []
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "event":
            kind = value
        elif name == "data":
            lines.append(value)
