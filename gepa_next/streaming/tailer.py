"""The tailer: one reader of the event table per process, handing chunks to any number of streams."""

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from gepa_next.errors import DamagedError
from gepa_next.models import StoredEvent
from gepa_next.store.database import Database
from gepa_next.store.events import find_next, last_sequence, tail_events
from gepa_next.streaming.frames import Chunk, Frame, chunk, frame
from gepa_next.streaming.pauses import look_after_s, pause
from gepa_next.streaming.subscription import Holder, Subscription
from gepa_next.turns import Turn

log = logging.getLogger(__name__)

PAGE = 500
MOST_AT_ONCE = 500  # frames that are sent before others come in between
BEATS = 8  # looks for silent streams in the time of one heartbeat


@dataclass(slots=True, kw_only=True)
class _Channel:
    """The streams of one job, the last event that was handed out to them, and when they shall hear something."""

    beat_at: float
    last: int = 0
    streams: set[Subscription] = field(default_factory=set)


class Tailer:
    """Follows the event table; start it after forking, stop it to end every stream.

    It asks who may not follow any more, and tells how old events were when they were handed out, in seconds, and when
    a stream has fallen behind.
    """

    def __init__(
        self,
        database: Database,
        *,
        ping_interval_s: float,
        find_refused: Callable[[], Collection[Holder]] = tuple,
        note_delay: Callable[[float], None] = lambda _: None,
        note_fallen_behind: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._find_refused = find_refused
        self._note_delay = note_delay
        self._note_fallen_behind = note_fallen_behind
        self._ping_s = ping_interval_s
        self._channels: dict[str, _Channel] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._after = 0
        self._beat_at = 0.0
        self._heard_at = -math.inf
        self._looked_at = math.inf

    def subscribe(self, subscription: Subscription) -> None:
        """Note every event of the job committed from now on, so that none is missed between the store and joining."""
        with self._lock:
            self._start()
            channel = self._channels.setdefault(subscription.job_id, _Channel(beat_at=self._next_beat()))
            channel.streams.add(subscription)
            if self._stopped.is_set():
                subscription.close()

    def join(self, subscription: Subscription, *, after: int) -> None:
        """Put what comes after that event from now on; not if some of it has been handed out already."""
        with self._lock:
            subscription.after = after
            subscription.live = not subscription.closed and self._channels[subscription.job_id].last <= after

    def leave(self, subscription: Subscription) -> None:
        """Put nothing more: when this returns, the stream is its own master."""
        with self._lock:
            subscription.leave()

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget the subscription; nothing is put any more when this returns."""
        with self._lock:
            channel = self._channels[subscription.job_id]
            channel.streams.remove(subscription)
            if not channel.streams:
                del self._channels[subscription.job_id]

    def cut(self, subscriptions: Iterable[Subscription]) -> None:
        """End streams whose clients have gone, which shows by itself at a second heartbeat only."""
        with self._lock:
            for subscription in subscriptions:
                subscription.cut()

    @property
    def last_look_s(self) -> float:
        """How long ago the event table was last read; 0 before there is a stream, and once stopped."""
        return 0.0 if self._stopped.is_set() else max(0.0, time.monotonic() - self._looked_at)

    def stop(self) -> None:
        """End every stream, and those that come later at once."""
        self._stopped.set()
        self._wake.set()
        with self._lock:
            for channel in self._channels.values():
                for subscription in channel.streams:
                    subscription.close()

    def _start(self) -> None:
        if self._thread is None and not self._stopped.is_set():
            self._after = last_sequence(self._database)
            self._looked_at = time.monotonic()
            self._database.listen(self._wake.set)
            self._thread = threading.Thread(target=self._follow, name="tailer", daemon=True)
            self._thread.start()

    def _follow(self) -> None:
        look = Turn("the event table cannot be read", self._look)
        while not self._stopped.is_set():
            looked = look()
            self._beat()
            pause(look_after_s(time.monotonic() - self._heard_at), self._wake if looked else None)

    def _look(self) -> None:
        """Hand out what is new; to read it takes no longer than to ask whether there is anything."""
        self._wake.clear()
        while events := self._next_events():
            self._hand_out(events)
            self._after = events[-1].sequence
            self._heard_at = time.monotonic()
            if len(events) < PAGE and not self._wake.is_set():
                return

    def _next_events(self) -> list[StoredEvent]:
        try:
            events = tail_events(self._database, after=self._after, limit=PAGE)
        except DamagedError:
            events = self._next_readable()
        self._looked_at = time.monotonic()
        return events

    def _next_readable(self) -> list[StoredEvent]:
        """Return the next event alone; streams of a job whose event is passed over meet the damage in the store."""
        self._wake.set()  # there may be more at once
        while following := find_next(self._database, after=self._after):
            try:
                return tail_events(self._database, after=self._after, limit=1)
            except DamagedError as error:
                self._after, job_id = following
                said = {"job_id": job_id}
                log.error("job %s: an event cannot be read: %s", job_id, error.message, extra=said)  # noqa: TRY400 - no bug of ours
                with self._lock:
                    for subscription in self._streams_of(job_id):
                        subscription.leave()
        return []

    def _hand_out(self, events: Sequence[StoredEvent]) -> None:
        """Encode what belongs to one job once, and put it to all its streams."""
        self._close_refused()
        by_job: defaultdict[str, list[Frame]] = defaultdict(list)
        for event in events:
            if event.job_id in self._channels:
                by_job[event.job_id].append(frame(event))
        put = 0
        for job_id, frames in by_job.items():
            put += self._put(job_id, chunk(frames))
            if put >= MOST_AT_ONCE:
                put = 0
                time.sleep(0)
        now = time.time()
        for event in events:
            if event.job_id in by_job:
                self._note_delay(now - event.ts)

    def _put(self, job_id: str, new: Chunk) -> int:
        with self._lock:
            streams = self._streams_of(job_id)
            if streams:
                self._channels[job_id].last = new.last
                self._channels[job_id].beat_at = self._next_beat()
            for subscription in streams:
                if not subscription.put(new):
                    self._note_fallen_behind()
        return len(streams)

    def _beat(self) -> None:
        """Let streams that have been silent be heard, a little before the time is over."""
        now = time.monotonic()
        if now < self._beat_at:
            return
        self._beat_at = now + self._ping_s / BEATS
        self._close_refused()
        self._cut_stalled(now)
        with self._lock:
            for channel in self._channels.values():
                if channel.beat_at <= self._beat_at:
                    channel.beat_at = self._next_beat()
                    for subscription in channel.streams:
                        subscription.beat()

    def _close_refused(self) -> None:
        """End the streams of those that may not follow any more."""
        if refused := self._find_refused():
            with self._lock:
                for channel in self._channels.values():
                    for subscription in channel.streams:
                        if subscription.holder in refused:
                            subscription.close()

    def _cut_stalled(self, now: float) -> None:
        """Cut off the streams that should have ended by themselves, and wait for a client that reads nothing."""
        with self._lock:
            for channel in self._channels.values():
                for subscription in channel.streams:
                    if now >= subscription.until:
                        subscription.cut()

    def _next_beat(self) -> float:
        return time.monotonic() + self._ping_s

    def _streams_of(self, job_id: str) -> Collection[Subscription]:
        channel = self._channels.get(job_id)
        return channel.streams if channel is not None else ()
