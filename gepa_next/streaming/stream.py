"""One SSE stream: the job's history from the store, then its tail, until the job has ended."""

import secrets
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.jobs import has_ended
from gepa_next.streaming.frames import frame, retry_frame
from gepa_next.streaming.subscription import Subscription
from gepa_next.streaming.tailer import Tailer

PAGE = 200
PAGE_BYTES = 32_768  # what a client that does not read keeps in memory
STALL_S = 30.0  # so long past its end a client that reads nothing is waited for
_SPREAD_PERCENT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """What every stream is told: reconnection time in ms, and after how many seconds to come again."""

    retry_ms: int
    longest_s: float


def stream(
    database: Database, tailer: Tailer, settings: StreamSettings, subscription: Subscription, *, after: int
) -> Generator[bytes, None, None]:
    """Yield frames of the events with ids above `after`, heartbeats between them, and end with the job.

    The history comes many frames at a time: to send each alone takes longer than to read it. The tail goes through the
    subscription, which may send it past this. The subscription begins before the history is read, so that nothing falls
    between the two.
    """
    job_id, until = subscription.job_id, time.monotonic() + _spread(settings.longest_s)
    subscription.until = until + STALL_S
    tailer.subscribe(subscription)
    try:
        yield retry_frame(settings.retry_ms)
        while not subscription.closed and time.monotonic() < until:
            for text, last in _history(database, job_id, after):
                after = last
                yield text
            if has_ended(database, job_id, after=after):
                return
            yield from _tail(tailer, subscription, after, until=until)
            after = max(after, subscription.after)
    finally:
        tailer.unsubscribe(subscription)


def _history(database: Database, job_id: str, after: int) -> Iterator[tuple[bytes, int]]:
    """Yield frames and the id of the last of them, a page at a time."""
    while events := list_events(database, job_id, after=after, limit=PAGE, most_bytes=PAGE_BYTES):
        after = events[-1].id
        text = b"".join(frame(each).encoded for each in events)
        del events  # the client may take long
        yield text, after


def _tail(tailer: Tailer, subscription: Subscription, after: int, *, until: float) -> Iterator[bytes]:
    """Yield what comes through the subscription until it is left, or the stream is to end."""
    tailer.join(subscription, after=after)
    while subscription.live and (left := until - time.monotonic()) > 0:
        if text := subscription.take(left):
            yield text
    tailer.leave(subscription)
    if text := subscription.drain():
        yield text


def _spread(longest_s: float) -> float:
    """Return a little less, not the same for all: who came together shall not come again together."""
    return longest_s * (100 - secrets.randbelow(1000 * _SPREAD_PERCENT) / 1000) / 100
