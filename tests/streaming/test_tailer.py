"""The tailer hands every event to every stream of its job, and never waits for one of them."""

import threading
import time
from collections.abc import Callable

import pytest

from gepa_next.errors import StoreError
from gepa_next.models import StoredEvent
from gepa_next.store.database import Database
from gepa_next.store.events import tail_events
from gepa_next.streaming import tailer
from gepa_next.streaming.frames import HEARTBEAT, chunk, frame
from gepa_next.streaming.pauses import LOOK_S, QUIET_LOOK_S, look_after_s, pause
from gepa_next.streaming.subscription import LONGEST_QUEUE, Holder, Subscription
from gepa_next.streaming.tailer import Tailer
from tests.support.service import open_service
from tests.support.sse import parse_frames

TIMEOUT_S = 10.0
A_WHILE_S = 0.3


def follow(service, job_id: str, *, after: int = 1, **more: object) -> Subscription:
    """Return a subscription that is live after that event."""
    subscription = Subscription(job_id=job_id, **more)
    service.parts.tailer.subscribe(subscription)
    service.parts.tailer.join(subscription, after=after)
    return subscription


def ids(text: bytes) -> list[int]:
    return [frame.id for frame in parse_frames(text.decode()) if frame.is_event]


def take(subscription: Subscription, count: int) -> list[int]:
    """Return the ids of so many events."""
    found: list[int] = []
    deadline = time.monotonic() + TIMEOUT_S
    while len(found) < count:
        found += ids(subscription.take(1.0))
        assert time.monotonic() < deadline, found
    return found


def beats(subscription: Subscription) -> bool:
    deadline = time.monotonic() + TIMEOUT_S
    while HEARTBEAT not in subscription.take(1.0):
        assert time.monotonic() < deadline
    return True


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline


def a_chunk(first: int, last: int | None = None, kind: str = "progress"):
    numbers = range(first, (last or first) + 1)
    return chunk([frame(StoredEvent(sequence=0, job_id="j", id=n, type=kind, ts=1.0, data="{}")) for n in numbers])


def test_a_tailer_that_stands_still_says_for_how_long(service, job_id) -> None:
    assert service.parts.tailer.last_look_s == 0
    taken, go_on = threading.Event(), threading.Event()

    def stand_still() -> set[Holder]:
        taken.set()
        assert go_on.wait(TIMEOUT_S)
        return set()

    standing = Tailer(service.database, ping_interval_s=60.0, find_refused=stand_still)
    standing.subscribe(Subscription(job_id=job_id))
    assert taken.wait(TIMEOUT_S)
    until(lambda: standing.last_look_s > A_WHILE_S)
    go_on.set()
    until(lambda: standing.last_look_s < A_WHILE_S)
    standing.stop()
    assert standing.last_look_s == 0


def test_a_subscription_receives_what_is_committed_from_now_on(service, job_id) -> None:
    subscription = follow(service, job_id)
    service.tell(job_id, 3)
    assert take(subscription, 3) == [2, 3, 4]


def test_an_event_of_another_job_is_not_received(service, job_id) -> None:
    other = service.create()
    subscription = follow(service, job_id)
    service.begin(other)
    service.tell(other, 5)
    service.tell(job_id)
    assert take(subscription, 1) == [2]


def test_an_event_committed_by_another_process_is_received(service, job_id, tmp_path) -> None:
    subscription = follow(service, job_id)
    other = open_service(tmp_path)  # a connection of its own, whose commits wake nobody here
    other.tell(job_id, 2)
    assert take(subscription, 2) == [2, 3]
    other.close()


def test_an_event_that_was_read_in_the_store_is_not_received_again(service, job_id) -> None:
    follow(service, job_id)  # who is there already has the tailer running
    with service.database._read_lock:  # the tailer looks when all of it is there
        subscription = follow(service, job_id, after=3)
        service.tell(job_id, 3)
    assert take(subscription, 1) == [4]


def test_who_joins_after_less_than_was_handed_out_reads_on_in_the_store(service, job_id) -> None:
    first, late = follow(service, job_id), Subscription(job_id=job_id)
    service.parts.tailer.subscribe(late)
    service.tell(job_id)
    assert take(first, 1) == [2]
    service.parts.tailer.join(late, after=1)
    assert not late.live
    service.parts.tailer.join(late, after=2)
    assert late.live


def test_a_full_queue_leaves_the_rest_to_the_store() -> None:
    subscription = Subscription(job_id="j", live=True)
    for number in range(1, LONGEST_QUEUE + 1):
        subscription.put(a_chunk(number))
    assert subscription.live
    subscription.put(a_chunk(LONGEST_QUEUE + 1))
    assert not subscription.live
    assert subscription.after == LONGEST_QUEUE
    assert ids(subscription.drain()) == list(range(1, LONGEST_QUEUE + 1))


def test_an_event_before_which_one_is_missing_is_left_to_the_store() -> None:
    subscription = Subscription(job_id="j", live=True)
    subscription.put(a_chunk(2))
    assert (subscription.live, subscription.drain(), subscription.after) == (False, b"", 0)


def test_an_ending_is_passed_on_and_looked_at() -> None:
    subscription = Subscription(job_id="j", live=True)
    subscription.put(a_chunk(1, kind="finished"))
    assert (subscription.live, ids(subscription.drain())) == (False, [1])


def test_silent_streams_beat_and_go_on(service, job_id) -> None:
    first, second = follow(service, job_id), follow(service, job_id)
    assert beats(first)
    assert beats(second)
    service.tell(job_id)
    assert take(first, 1) == [2]


def test_a_token_that_is_good_no_more_ends_its_streams_before_the_next_event(service, job_id) -> None:
    refused = set()
    follower = Tailer(service.database, ping_interval_s=3600, find_refused=lambda: refused)
    ada, bob = (Subscription(job_id=job_id, holder=Holder(each, each)) for each in ("a", "b"))
    for each in (ada, bob):
        follower.subscribe(each)
        follower.join(each, after=1)
    refused.add(ada.holder)
    service.tell(job_id)
    assert take(bob, 1) == [2]
    assert (ada.closed, ada.drain()) == (True, b"")
    follower.stop()


def test_a_stopped_tailer_closes_every_subscription(service, job_id) -> None:
    before = follow(service, job_id)
    service.parts.tailer.stop()
    assert before.closed
    late = follow(service, job_id)
    assert (late.closed, late.live) == (True, False)


def test_taking_from_a_closed_subscription_does_not_wait() -> None:
    subscription = Subscription(job_id="job")
    subscription.close()
    started = time.monotonic()
    assert subscription.take(60) == b""
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("harm", ["ALTER TABLE events RENAME TO lost"])
def test_the_tailer_outlives_a_database_that_fails_for_a_while(service, job_id, harm) -> None:
    subscription = follow(service, job_id)
    service.database.write(lambda db: db.execute(harm))
    assert ids(subscription.take(0.3)) == []
    service.database.write(lambda db: db.execute("ALTER TABLE lost RENAME TO events"))
    service.tell(job_id)
    assert take(subscription, 1) == [2]


def spoil_last_event(service, job_id) -> None:
    service.database.write(
        lambda db: db.execute(
            "UPDATE events SET data = CAST(x'7b22ff227d' AS TEXT) WHERE sequence ="
            " (SELECT max(sequence) FROM events WHERE job_id = ?)",
            (job_id,),
        )
    )


def test_a_damaged_event_is_passed_over_and_other_jobs_receive_theirs(service, job_id, caplog) -> None:
    damaged = service.create()
    service.begin(damaged)
    mine, theirs = follow(service, job_id), follow(service, damaged)
    with service.database._read_lock:  # the tailer sees nothing before all of it is there
        service.tell(job_id)
        service.tell(damaged)
        spoil_last_event(service, damaged)
        service.tell(job_id)
    assert take(mine, 2) == [2, 3]
    assert (theirs.live, ids(theirs.drain()), mine.live) == (False, [], True)
    assert caplog.text.count("a text in it is not UTF-8") == 1
    assert "\\xff" not in caplog.text


def failing_at_first(damaged: Database, *errors):
    """Return what reads events, but of this database meets each of the errors before; other tailers may go on."""
    failures = iter(errors)

    def fail_at_first(database, **options):
        if database is damaged and (error := next(failures, None)) is not None:
            raise error
        return tail_events(database, **options)

    return fail_at_first


def test_the_tailer_outlives_what_nobody_thought_of(service, job_id, monkeypatch, caplog) -> None:
    subscription = follow(service, job_id)
    monkeypatch.setattr(tailer, "tail_events", failing_at_first(service.database, ZeroDivisionError("once")))
    service.tell(job_id)
    assert take(subscription, 1) == [2]
    assert "ZeroDivisionError" in caplog.text


def test_an_event_that_could_not_be_read_at_once_is_handed_out_without_another_commit(
    service, job_id, monkeypatch, caplog
) -> None:
    subscription = follow(service, job_id)
    failures = [StoreError("store_unavailable", "just now")] * 3
    monkeypatch.setattr(tailer, "tail_events", failing_at_first(service.database, *failures))
    service.tell(job_id)
    assert take(subscription, 1) == [2]
    assert caplog.text.count("just now") == 1


def test_it_looks_half_as_often_when_nothing_has_happened_for_a_while() -> None:
    assert look_after_s(0.0) == 0.05
    assert look_after_s(5.0) == look_after_s(float("inf")) == 0.1


def test_a_pause_of_silence_ends_when_the_tailer_is_woken_and_one_between_events_takes_its_time() -> None:
    wake = threading.Event()
    wake.set()
    started = time.monotonic()
    pause(TIMEOUT_S, wake)
    pause(QUIET_LOOK_S, wake)
    assert time.monotonic() - started < TIMEOUT_S
    started = time.monotonic()
    pause(LOOK_S, wake)
    pause(LOOK_S, None)
    assert time.monotonic() - started >= 2 * LOOK_S


def test_nobody_pauses_between_events_of_a_page_with_a_damaged_one(service, job_id, monkeypatch) -> None:
    damaged = service.create()
    service.begin(damaged)
    subscription, at_pauses = follow(service, job_id), []
    monkeypatch.setattr(tailer, "pause", lambda *given: at_pauses.append(subscription.after) or pause(*given))
    with service.database._read_lock:
        service.tell(job_id, 5)
        service.tell(damaged)
        spoil_last_event(service, damaged)
        service.tell(job_id, 5)
    assert take(subscription, 10) == list(range(2, 12))
    assert set(at_pauses) <= {1, 11}


def test_an_event_ends_the_silence(service, job_id, monkeypatch) -> None:
    silences: list[float] = []
    monkeypatch.setattr(tailer, "look_after_s", lambda silent_s: silences.append(silent_s) or 0.01)
    subscription = follow(service, job_id)
    service.tell(job_id)
    assert take(subscription, 1) == [2]
    deadline = time.monotonic() + TIMEOUT_S
    while all(silent_s == float("inf") for silent_s in silences):
        assert time.monotonic() < deadline
        subscription.take(0.01)
