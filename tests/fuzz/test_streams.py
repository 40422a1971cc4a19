"""One event in, one event out: for the client and for a browser, wherever the bytes of a stream are split."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from gepa_next.client.errors import ClientError
from gepa_next.client.following import stream_events
from gepa_next.client.states import Event
from gepa_next.models import StoredEvent
from gepa_next.streaming.frames import HEARTBEAT, frame, retry_frame
from tests.fuzz.amounts import some
from tests.fuzz.streams import answer_in, dispatched
from tests.fuzz.values import CUTS, NEARLY_JSON, OBJECT, split

SENT = st.lists(st.tuples(st.sampled_from(["started", "progress", "finished"]), OBJECT), min_size=1, max_size=4)


def stored(place: int, kind: str, data: object) -> StoredEvent:
    text = json.dumps(data, ensure_ascii=False)
    return StoredEvent(sequence=place, job_id="123e4567", id=place, type=kind, ts=1712345678.9, data=text)


def stream_of(sent: list[tuple[str, dict[str, object]]]) -> bytes:
    frames = [frame(stored(place, kind, data)).encoded for place, (kind, data) in enumerate(sent, 1)]
    return retry_frame(2000) + HEARTBEAT.join(frames)


@some()
@given(sent=SENT, cuts=CUTS)
@example(sent=[("progress", {"text": "\u2028\x85\r\ndata: x\n\nid: 7"})], cuts=[20, 21, 22])
def test_the_client_reads_each_event_that_is_sent_wherever_the_bytes_are_split(sent, cuts) -> None:
    events = list(stream_events(answer_in(split(stream_of(sent), cuts))))
    assert [(each.id, each.type, each.data) for each in events] == [(n, *each) for n, each in enumerate(sent, 1)]


@some()
@given(sent=SENT)
def test_a_browser_dispatches_one_event_for_each_that_is_sent(sent) -> None:
    events = list(dispatched(stream_of(sent)))
    assert [each["id"] for each in events] == [str(place) for place in range(1, len(sent) + 1)]
    assert [(each["event"], json.loads(each["data"])["data"]) for each in events] == sent


@some()
@given(sent=SENT, cut=st.integers(0, 10_000))
def test_a_stream_that_breaks_gives_the_first_events_and_no_half_of_one(sent, cut) -> None:
    whole = stream_of(sent)
    events = list(stream_events(answer_in([whole[: cut % (len(whole) + 1)]])))
    assert [(each.type, each.data) for each in events] == sent[: len(events)]


@some()
@given(
    pieces=st.lists(
        st.binary(max_size=40) | NEARLY_JSON.map(lambda text: f"data: {text}\n\n".encode("utf-8", "replace"))
    )
)
def test_a_stream_of_anything_is_read_or_refused(pieces) -> None:
    try:
        events = list(stream_events(answer_in(pieces)))
    except ClientError:
        return
    assert all(isinstance(each, Event) for each in events)
