"""Places: how many streams may be open in this process, in all and of one owner, and whose are taken."""

import math
import threading
from collections import defaultdict
from collections.abc import Generator

from gepa_next.errors import UnavailableError
from gepa_next.streaming.subscription import Holder, Subscription


class Places:
    """As many places as there may be streams; each is taken before its stream is answered, and given back after."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: defaultdict[Holder, set[Subscription]] = defaultdict(set)
        # Reentrant: the garbage collector may end a stream that nobody closed while this very thread has the lock.
        self._lock = threading.RLock()

    def take(self, subscription: Subscription, *, most_of_owner: float = math.inf) -> None:
        """Take a place; UnavailableError if there is none, or the owner has as many as that."""
        holder = subscription.holder
        with self._lock:
            if self.taken >= self.most:
                raise UnavailableError("too_many_streams", f"{self.most} streams are open; try again later")
            if self.taken_by(holder.owner) >= most_of_owner:
                message = f"{most_of_owner} streams of yours are open; close one"
                raise UnavailableError("too_many_streams_of_owner", message)
            self._taken[holder].add(subscription)

    def give_back(self, subscription: Subscription) -> None:
        """Free the place, if it is not free already."""
        with self._lock:
            of_holder = self._taken[subscription.holder]
            of_holder.discard(subscription)
            if not of_holder:
                del self._taken[subscription.holder]

    def keep(self, subscription: Subscription, frames: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        """Return the frames, which give the place back when they end, are closed or are dropped, begun or not."""
        kept = self._keep(subscription, frames)
        next(kept)  # one that has not begun would be closed without a word
        return kept

    def free_the_gone(self) -> list[Subscription]:
        """Free the places of clients that have closed their side, and return their subscriptions, which go on."""
        with self._lock:
            gone = [each for streams in list(self._taken.values()) for each in list(streams) if each.has_gone()]
            for each in gone:
                self.give_back(each)
        return gone

    @property
    def taken(self) -> int:
        """How many streams are open in this process, or about to be."""
        with self._lock:
            return sum(map(len, list(self._taken.values())))

    def taken_by(self, owner: str) -> int:
        """Return how many of them are this owner's."""
        with self._lock:
            return sum(len(streams) for holder, streams in list(self._taken.items()) if holder.owner == owner)

    def holders(self) -> list[Holder]:
        """Return who has places."""
        with self._lock:
            return list(self._taken)

    def _keep(self, subscription: Subscription, frames: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        try:
            yield b""
            yield from frames
        finally:
            self.give_back(subscription)
