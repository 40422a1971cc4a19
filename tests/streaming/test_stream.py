"""A stream is the history and then its tail, every event once, to the end of the job."""

import threading
from queue import SimpleQueue

import pytest

from gepa_next.errors import DamagedError
from gepa_next.store.events import append_event
from gepa_next.streaming import stream as stream_module
from gepa_next.streaming.frames import HEARTBEAT
from gepa_next.streaming.stream import StreamSettings, stream
from gepa_next.streaming.subscription import LONGEST_QUEUE, Subscription
from tests.support.sse import parse_frames

PATIENT = StreamSettings(retry_ms=1, longest_s=3600)


@pytest.fixture
def open_stream(service, job_id):
    """Open streams of the job that the test reads frame by frame."""
    opened = []

    def after(last: int = 0):
        subscription = Subscription(job_id=job_id)
        opened.append(stream(service.database, service.parts.tailer, PATIENT, subscription, after=last))
        return opened[-1]

    yield after
    for each in opened:
        each.close()


def ids(text: bytes) -> list[int]:
    return [frame.id for frame in parse_frames(text.decode()) if frame.is_event]


def events(frames, count: int) -> list[int]:
    """Return the ids of the next so many events, or more if more come at once; heartbeats left out."""
    found: list[int] = []
    heartbeats = 0
    while len(found) < count:
        text = next(frames)
        heartbeats += text == HEARTBEAT
        assert heartbeats < 200, "the stream stays silent"
        found += ids(text)
    return found


def soon(frames) -> bytes:
    """Return the next frame, but do not wait for ever for a stream that spins."""
    found: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=lambda: found.put(next(frames)), daemon=True).start()
    return found.get(timeout=10)


def test_retry_comes_first(open_stream) -> None:
    assert next(open_stream()) == b"retry: 1\n\n"


def test_history_and_tail_are_one(service, job_id, open_stream) -> None:
    service.tell(job_id, 4)
    frames = open_stream()
    assert events(frames, 5) == [1, 2, 3, 4, 5]
    service.tell(job_id, 3)
    assert events(frames, 3) == [6, 7, 8]


def test_a_history_longer_than_a_page_is_whole(service, job_id, open_stream) -> None:
    service.tell(job_id, 2 * stream_module.PAGE)
    assert events(open_stream(), 2 * stream_module.PAGE + 1) == list(range(1, 2 * stream_module.PAGE + 2))


@pytest.mark.parametrize("size", [5_000, stream_module.PAGE_BYTES, 2 * stream_module.PAGE_BYTES])
def test_a_history_of_large_events_comes_in_small_pages_and_is_whole(service, job_id, open_stream, size) -> None:
    service.tell(job_id, 20, text="x" * size)
    frames = open_stream()
    next(frames)
    pages: list[bytes] = []
    while sum(len(ids(each)) for each in pages) < 21:
        pages.append(next(frames))
    assert ids(b"".join(pages)) == list(range(1, 22))
    assert max(map(len, pages)) <= max(stream_module.PAGE_BYTES, size) + 2_000  # and what frames add


def test_a_stream_goes_on_after_the_last_id_given(service, job_id, open_stream) -> None:
    service.tell(job_id, 4)
    assert events(open_stream(3), 2) == [4, 5]


def test_an_idle_stream_beats(open_stream) -> None:
    frames = open_stream()
    events(frames, 1)
    assert [next(frames) for _ in range(3)] == [b":\n\n"] * 3


def test_a_stream_ends_with_the_job(service, job_id, open_stream) -> None:
    frames = open_stream()
    events(frames, 1)
    service.client().delete(f"/v1/optimize/{job_id}")
    assert b"event: cancelled" in next(frames)
    assert list(frames) == []
    assert not service.parts.tailer._channels


def test_an_ending_followed_by_a_resumption_does_not_end_the_stream(service, job_id, open_stream) -> None:
    service.tell(job_id, kind="failed")
    service.tell(job_id, kind="resumed")
    frames = open_stream()
    assert events(frames, 3) == [1, 2, 3]
    service.tell(job_id, kind="failed")
    service.tell(job_id, kind="resumed")
    assert events(frames, 2) == [4, 5]


def test_a_stream_that_fell_behind_reads_on_in_the_store(service, job_id, open_stream) -> None:
    frames = open_stream()
    events(frames, 1)
    count = 4 * LONGEST_QUEUE
    service.tell(job_id, count)
    assert events(frames, count) == list(range(2, count + 2))
    service.tell(job_id)
    assert events(frames, 1) == [count + 2]
    assert soon(frames) == HEARTBEAT  # it waits again, and does not look without end


def test_a_stream_that_falls_behind_again_and_again_loses_nothing(service, job_id, open_stream) -> None:
    frames = open_stream()
    found = events(frames, 1)
    for _ in range(5):
        service.tell(job_id, LONGEST_QUEUE + 10)
        found += events(frames, 7)
    found += events(frames, 5 * (LONGEST_QUEUE + 10) + 1 - len(found))
    assert found == list(range(1, 5 * (LONGEST_QUEUE + 10) + 2))


def test_a_stream_that_comes_to_a_damaged_event_breaks_off(service, job_id, open_stream) -> None:
    frames = open_stream()
    events(frames, 1)

    def unit(db) -> None:
        append_event(db, job_id, key="damaged", kind="progress", now=1.0, data="{}")
        db.execute("UPDATE events SET data = CAST(x'ff' AS TEXT) WHERE key = 'damaged'")

    service.database.write(unit)
    with pytest.raises(DamagedError):
        events(frames, 1)
    assert not service.parts.tailer._channels


def test_a_stream_of_a_stopped_tailer_ends(service, open_stream) -> None:
    frames = open_stream()
    events(frames, 1)
    service.parts.tailer.stop()
    assert [text for text in frames if text != HEARTBEAT] == []


def test_a_stream_that_is_dropped_is_forgotten(service, open_stream) -> None:
    frames = open_stream()
    events(frames, 1)
    assert service.parts.tailer._channels
    frames.close()
    assert not service.parts.tailer._channels


def test_every_event_is_json_on_one_line(service, job_id, open_stream) -> None:
    service.tell(job_id, text="two\nlines \u2028 and more")
    frames = open_stream()
    next(frames)
    assert [each.envelope["schema_version"] for each in parse_frames(next(frames).decode())] == [1, 1]


def test_a_stream_that_is_old_ends_between_two_events_and_the_next_goes_on(service, job_id) -> None:
    def follow(last: int) -> list[int]:
        brief = StreamSettings(retry_ms=1, longest_s=0.2)
        subscription = Subscription(job_id=job_id)
        return ids(b"".join(stream(service.database, service.parts.tailer, brief, subscription, after=last)))

    service.tell(job_id, 2)
    assert follow(0) == [1, 2, 3]
    service.tell(job_id)
    assert follow(3) == [4]
    assert not service.parts.tailer._channels


def test_streams_that_came_together_do_not_end_together() -> None:
    ages = {stream_module._spread(100) for _ in range(50)}
    assert len(ages) > 10
    assert 90 <= min(ages) <= max(ages) <= 100
