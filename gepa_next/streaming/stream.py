"""One SSE stream: the job's history from the store, then its tail, until the job has ended."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.jobs import find_job
from gepa_next.streaming.frames import HEARTBEAT, Frame, frame, retry_frame
from gepa_next.streaming.tailer import Subscription, Tailer

PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What every stream is told: reconnection time in ms, heartbeat interval in s."""

    retry_ms: int
    ping_interval_s: float


def has_ended(database: Database, job_id: str, *, after: int) -> bool:
    """Say whether the job is terminal and `after` is at or past its last event, both read together."""
    job = find_job(database, job_id)
    return job is None or (job.status.terminal and after >= job.last_event_id)


def stream(
    database: Database, tailer: Tailer, settings: StreamSettings, job_id: str, *, after: int
) -> Generator[bytes, None, None]:
    """Yield frames of the events with ids above `after`, heartbeats between them, and end with the job.

    The history comes many frames at a time: to send each alone takes longer than to read it.
    The subscription begins before the history is read, so that nothing falls between the two.
    """
    subscription = tailer.subscribe(job_id)
    try:
        yield retry_frame(settings.retry_ms)
        while not subscription.closed:
            subscription.lagging = False
            for page in _history(database, job_id, after):
                after = page[-1].id
                yield b"".join(each.encoded for each in page)
            if has_ended(database, job_id, after=after):
                return
            for each in _live(subscription, settings, after):
                after = max(after, each.id)
                yield each.encoded
    finally:
        tailer.unsubscribe(subscription)


def _history(database: Database, job_id: str, after: int) -> Iterator[list[Frame]]:
    while events := list_events(database, job_id, after=after, limit=PAGE):
        yield [frame(each) for each in events]
        after = events[-1].id


def _live(subscription: Subscription, settings: StreamSettings, after: int) -> Iterator[Frame]:
    """Yield live frames until one is missing, or has ended the job; heartbeats in between when nothing happens."""
    while not subscription.lagging and not subscription.closed:
        frames = subscription.take(settings.ping_interval_s)
        for each in frames:
            if each.id > after + 1:
                return
            if each.id == after + 1:
                after = each.id
                yield each
                if each.terminal:
                    return
        if not frames and not subscription.closed:
            yield HEARTBEAT
