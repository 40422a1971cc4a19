"""The tailer: one reader of the event table per process, handing frames to any number of streams."""

import logging
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field

from gepa_next.errors import DamagedError
from gepa_next.models import StoredEvent
from gepa_next.store.database import Database
from gepa_next.store.events import find_next, last_sequence, tail_events
from gepa_next.streaming.frames import Frame, frame
from gepa_next.turns import Turn

log = logging.getLogger(__name__)

LOOK_S = 0.05
PAGE = 500
LONGEST_QUEUE = 256


@dataclass(slots=True)
class Subscription:
    """One stream's queue of frames; `lagging` means that some were dropped and must be read from the store."""

    job_id: str
    lagging: bool = False
    closed: bool = False
    _frames: deque[Frame] = field(default_factory=deque)
    _ready: threading.Event = field(default_factory=threading.Event)

    def put(self, new: Frame) -> None:
        """Queue a frame, or fall behind; never wait for the client."""
        if len(self._frames) >= LONGEST_QUEUE:
            self.fall_behind()
        else:
            self._frames.append(new)
            self._ready.set()

    def fall_behind(self) -> None:
        """Drop what is queued: the stream reads on in the store."""
        self._frames.clear()
        self.lagging = True
        self._ready.set()

    def take(self, timeout_s: float) -> list[Frame]:
        """Return what is queued, waiting so long if there is nothing."""
        if not self._frames and not self.lagging and not self.closed:
            self._ready.wait(timeout_s)
        self._ready.clear()
        taken = []
        while self._frames:
            taken.append(self._frames.popleft())
        return taken

    def close(self) -> None:
        """End the stream at its next turn."""
        self.closed = True
        self._ready.set()


class Tailer:
    """Follows the event table; start it after forking, stop it to end every stream."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscriptions: defaultdict[str, list[Subscription]] = defaultdict(list)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._after = 0
        self._version = -1

    def subscribe(self, job_id: str) -> Subscription:
        """Return a queue that receives every event of the job committed from now on."""
        subscription = Subscription(job_id)
        with self._lock:
            self._start()
            self._subscriptions[job_id].append(subscription)
            if self._stopped.is_set():
                subscription.close()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget the queue."""
        with self._lock:
            streams = self._subscriptions[subscription.job_id]
            streams.remove(subscription)
            if not streams:
                del self._subscriptions[subscription.job_id]

    @property
    def clients(self) -> int:
        """How many streams are open in this process."""
        return sum(len(streams) for streams in list(self._subscriptions.values()))

    def stop(self) -> None:
        """End every stream, and those that come later at once."""
        self._stopped.set()
        self._wake.set()
        with self._lock:
            for subscription in [each for streams in self._subscriptions.values() for each in streams]:
                subscription.close()

    def _start(self) -> None:
        if self._thread is None and not self._stopped.is_set():
            self._after = last_sequence(self._database)
            self._database.listen(self._wake.set)
            self._thread = threading.Thread(target=self._follow, name="tailer", daemon=True)
            self._thread.start()

    def _follow(self) -> None:
        look = Turn("the event table cannot be read", self._look)
        while not self._stopped.is_set():
            (self._wake if look() else self._stopped).wait(LOOK_S)

    def _look(self) -> None:
        """Hand out what is new, if anything was committed since that last worked."""
        seen = self._database.data_version()
        if seen != self._version or self._wake.is_set():
            self._version = -1  # until all of it is handed out
            self._wake.clear()
            self._publish()
            self._version = seen

    def _publish(self) -> None:
        while events := self._next_events():
            for event in events:
                self._hand_out(event)
            self._after = events[-1].sequence

    def _next_events(self) -> list[StoredEvent]:
        try:
            return tail_events(self._database, after=self._after, limit=PAGE)
        except DamagedError:
            return self._next_readable()

    def _next_readable(self) -> list[StoredEvent]:
        """Return the next event alone; streams of a job whose event is passed over meet the damage in the store."""
        while following := find_next(self._database, after=self._after):
            try:
                return tail_events(self._database, after=self._after, limit=1)
            except DamagedError as error:
                self._after, job_id = following
                log.error("job %s: an event cannot be read: %s", job_id, error.message)  # noqa: TRY400 - no bug of ours
                for subscription in self._streams_of(job_id):
                    subscription.fall_behind()
        return []

    def _hand_out(self, event: StoredEvent) -> None:
        if streams := self._streams_of(event.job_id):
            encoded = frame(event)
            for subscription in streams:
                subscription.put(encoded)

    def _streams_of(self, job_id: str) -> list[Subscription]:
        with self._lock:
            return list(self._subscriptions.get(job_id, ()))
