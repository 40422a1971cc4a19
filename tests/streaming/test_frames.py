"""An event becomes one frame of one line, whatever it holds."""

import json

import pytest

from gepa_next.models import StoredEvent
from gepa_next.streaming.frames import HEARTBEAT, chunk, frame, retry_frame
from tests.support.sse import parse_frames


def stored(data: str, kind: str = "progress") -> StoredEvent:
    return StoredEvent(sequence=9, job_id="123e4567", id=5, type=kind, ts=1712345678.90004, data=data)


def test_a_frame_is_what_the_contract_shows() -> None:
    data = '{"stage":"select","iteration":2,"best_score":0.71}'
    assert frame(stored(data)).encoded.decode() == (
        'id: 5\nevent: progress\ndata: {"id":5,"type":"progress","schema_version":1,"job_id":"123e4567",'
        f'"ts":1712345678.9,"data":{data}}}\n\n'
    )


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb\rc", "\u2028\u2029\x85", "é🙂", 'data: x\n\nid: 7\n\n"', "\x00"])
def test_no_text_breaks_out_of_its_line(text) -> None:
    blocks = parse_frames(frame(stored(json.dumps({"text": text}, ensure_ascii=False))).encoded.decode())
    assert len(blocks) == 1
    assert blocks[0].envelope["data"] == {"text": text}


@pytest.mark.parametrize("kind", ["finished", "failed", "cancelled"])
def test_an_ending_may_end_a_stream(kind) -> None:
    assert frame(stored("{}", kind)).terminal


@pytest.mark.parametrize("kind", ["started", "progress", "resumed"])
def test_nothing_else_may(kind) -> None:
    assert not frame(stored("{}", kind)).terminal


def test_heartbeat_and_retry_are_no_events() -> None:
    assert HEARTBEAT == b":\n\n"
    assert retry_frame(1234) == b"retry: 1234\n\n"


def frames_of(*ids: int):
    return [frame(StoredEvent(sequence=9, job_id="j", id=each, type="progress", ts=1.0, data="{}")) for each in ids]


def test_a_chunk_is_the_same_text_bare_and_in_the_coding_of_http() -> None:
    whole = chunk(frames_of(5, 6))
    size, _, rest = whole.coded.partition(b"\r\n")
    assert rest == whole.bare + b"\r\n"
    assert int(size, 16) == len(whole.bare)
    assert [each.id for each in parse_frames(whole.bare.decode())] == [5, 6]


def test_a_stream_gets_of_a_chunk_only_what_it_lacks() -> None:
    whole = chunk(frames_of(5, 6, 7))
    assert whole.after(4) is whole
    assert [each.id for each in parse_frames(whole.after(5).bare.decode())] == [6, 7]
