"""What reads bytes of strangers, each as a function that fails if the reader does what it must not."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType

from gepa_next.api.edge.body import parse_json
from gepa_next.client.errors import ClientError
from gepa_next.client.following import stream_events
from gepa_next.client.reading import UnreadableError, read
from gepa_next.client.states import Event, Job
from gepa_next.errors import RefusedError
from gepa_next.gepa.replies import InputsReply, JudgeReply, PromptReply
from gepa_next.llm.json_text import decode
from gepa_next.llm.repair import UnreadableReply, repaired
from gepa_next.llm.structured import read_reply
from tests.fuzz.streams import answer_in

PIECE = 7
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # and not a backslash before the letters
REPLIES = (JudgeReply, PromptReply, InputsReply)


def stream(data: bytes) -> None:
    """Read an event stream that comes whole, and in pieces of a few bytes: the same events, or a refusal both times."""
    pieces = [data[start : start + PIECE] for start in range(0, len(data), PIECE)]
    assert _events([data]) == _events(pieces)


def _events(pieces: list[bytes]) -> list[Event] | None:
    try:
        return list(stream_events(answer_in(pieces)))
    except ClientError:
        return None


def state(data: bytes) -> None:
    """Make states of JSON."""
    with suppress(ValueError, RecursionError):
        value = json.loads(data)
        for kind in (Event, Job):
            with suppress(UnreadableError):
                read(kind, value)


def body(data: bytes) -> None:
    """Parse the JSON of a request."""
    with suppress(UnicodeDecodeError, RefusedError):
        storable(parse_json(data.decode("utf-8-sig")))


def model_json(data: bytes) -> None:
    """Decode what a model wrote."""
    storable(decode(data.decode("utf-8", "surrogateescape")))


def reply(data: bytes) -> None:
    """Read the reply of a model, and mend it."""
    text = data.decode("utf-8", "surrogateescape")
    for kind in REPLIES:
        with suppress(UnreadableReply):
            assert isinstance(read_reply(text, kind), kind)
        with suppress(UnreadableReply):
            storable(repaired(text, kind))


def storable(value: object) -> None:
    """Fail for what no store could hold."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    text.encode()
    assert not NUL.search(text)


READERS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {each.__name__: each for each in (stream, state, body, model_json, reply)}
)
SEEDS: Mapping[str, tuple[bytes, ...]] = MappingProxyType(
    {
        "stream": (
            b'retry: 2000\n\nid: 1\nevent: progress\ndata: {"id":1,"type":"progress","ts":1.5,"data":{"a":"b"}}\n\n',
            b":\n\n",
        ),
        "state": (
            b'{"id":1,"type":"progress","ts":1.5,"data":{}}',
            b'{"job_id":"a","status":"queued","usage":{"calls":1}}',
        ),
        "body": (b'{"prompt": "a", "iterations": 1e2}', b'["\\ud83d\\ude00", -0.5, null, true]'),
        "model_json": (b'{"feedback": "a\nb", "score": 7}', b'"\\ud800"', b"NaN"),
        "reply": (
            b'<think>x</think>```json\n{"feedback": "a \\"b\\"", "score": 7}\n```',
            b'Here: {"feedback": "a "b" c", "score": 7}',
            b'{"inputs": ["a", "b"]}',
            b"{'prompt': 'it's', }",
            b"{'feedback': 'it\\'s', 'score': 7,}",
            b'"feedback": "a", "score": 7',
            b'{"feedback": "a", "score": true} {"feedback": "b", "score": 1e999}',
            b'{"score": 7, "feedback": "{", "score": 8, "feedback": "b"}',
            b'{"feedback": "a", "lesson": "{\\"b\\": 1}", "score": 7 "}',
            b'{"lesson": "a", "prompt": "b",\n"c": "d", "e": "f"}',
            b"{}" * 40,
            b'["a", "b"]',
            b'{"feedback": "a", "score": true}',
            b'As asked: {"feedback": "a", "score": 7}. The input was {"qty": 2.5}.',
            b'{"lesson": "a", "prompt": "```json\\n{}\\n```"}',
        ),
    }
)
