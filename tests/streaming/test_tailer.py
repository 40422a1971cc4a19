"""The tailer hands every event to every stream of its job, and never waits for one of them."""

import time

import pytest

from gepa_next.errors import StoreError
from gepa_next.store.events import tail_events
from gepa_next.streaming import tailer
from gepa_next.streaming.tailer import LONGEST_QUEUE, Subscription
from tests.support.service import open_service

TIMEOUT_S = 10.0


def take(subscription: Subscription, count: int) -> list[int]:
    """Return the ids of so many frames."""
    found: list[int] = []
    deadline = time.monotonic() + TIMEOUT_S
    while len(found) < count:
        found += [frame.id for frame in subscription.take(1.0)]
        assert time.monotonic() < deadline, found
    return found


def test_a_subscription_receives_what_is_committed_from_now_on(service, job_id) -> None:
    subscription = service.parts.tailer.subscribe(job_id)
    service.tell(job_id, 3)
    assert take(subscription, 3) == [2, 3, 4]


def test_an_event_of_another_job_is_not_received(service, job_id) -> None:
    other = service.create()
    subscription = service.parts.tailer.subscribe(job_id)
    service.begin(other)
    service.tell(other, 5)
    service.tell(job_id)
    assert take(subscription, 1) == [2]


def test_an_event_committed_by_another_process_is_received(service, job_id, tmp_path) -> None:
    subscription = service.parts.tailer.subscribe(job_id)
    other = open_service(tmp_path)  # a connection of its own, whose commits wake nobody here
    other.tell(job_id, 2)
    assert take(subscription, 2) == [2, 3]
    other.close()


def test_an_event_is_encoded_once_for_all_streams(service, job_id) -> None:
    subscriptions = [service.parts.tailer.subscribe(job_id) for _ in range(2)]
    service.tell(job_id)
    first, second = (subscription.take(TIMEOUT_S)[0] for subscription in subscriptions)
    assert first is second


def test_streams_are_counted_while_they_are_open(service, job_id) -> None:
    tailer = service.parts.tailer
    subscriptions = [tailer.subscribe(job_id), tailer.subscribe(job_id), tailer.subscribe("another")]
    assert tailer.clients == 3
    for subscription in subscriptions:
        tailer.unsubscribe(subscription)
    assert tailer.clients == 0


def test_a_full_queue_is_dropped_and_said_so() -> None:
    subscription = Subscription("job")
    for _ in range(LONGEST_QUEUE):
        subscription.put(None)
    assert not subscription.lagging
    subscription.put(None)
    assert subscription.lagging
    assert subscription.take(0) == []


def test_a_stopped_tailer_closes_every_subscription(service, job_id) -> None:
    before = service.parts.tailer.subscribe(job_id)
    service.parts.tailer.stop()
    assert before.closed
    assert service.parts.tailer.subscribe(job_id).closed


def test_taking_from_a_closed_subscription_does_not_wait() -> None:
    subscription = Subscription("job")
    subscription.close()
    started = time.monotonic()
    assert subscription.take(60) == []
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("harm", ["ALTER TABLE events RENAME TO lost"])
def test_the_tailer_outlives_a_database_that_fails_for_a_while(service, job_id, harm) -> None:
    subscription = service.parts.tailer.subscribe(job_id)
    service.database.write(lambda db: db.execute(harm))
    assert subscription.take(0.3) == []
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
    tailer = service.parts.tailer
    mine, theirs = tailer.subscribe(job_id), tailer.subscribe(damaged)
    with service.database._read_lock:  # the tailer sees nothing before all of it is there
        service.tell(job_id)
        service.tell(damaged)
        spoil_last_event(service, damaged)
        service.tell(job_id)
    assert take(mine, 2) == [2, 3]
    assert (theirs.lagging, theirs.take(0), mine.lagging) == (True, [], False)
    assert caplog.text.count("a text in it is not UTF-8") == 1
    assert "\\xff" not in caplog.text


def failing_at_first(*errors):
    """Return what reads events, but meets each of the errors before."""
    failures = iter(errors)

    def fail_at_first(database, **options):
        if (error := next(failures, None)) is not None:
            raise error
        return tail_events(database, **options)

    return fail_at_first


def test_the_tailer_outlives_what_nobody_thought_of(service, job_id, monkeypatch, caplog) -> None:
    subscription = service.parts.tailer.subscribe(job_id)
    monkeypatch.setattr(tailer, "tail_events", failing_at_first(ZeroDivisionError("once")))
    service.tell(job_id)
    assert take(subscription, 1) == [2]
    assert "ZeroDivisionError" in caplog.text


def test_an_event_that_could_not_be_read_at_once_is_handed_out_without_another_commit(
    service, job_id, monkeypatch, caplog
) -> None:
    subscription = service.parts.tailer.subscribe(job_id)
    failures = [StoreError("store_unavailable", "just now")] * 3
    monkeypatch.setattr(tailer, "tail_events", failing_at_first(*failures))
    service.tell(job_id)
    assert take(subscription, 1) == [2]
    assert caplog.text.count("just now") == 1
