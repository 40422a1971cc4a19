"""Rate limits: one token bucket per client, in this process."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

MOST_CLIENTS = 10_000
COMINGS = 5  # of all that a client may hold open, at once


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether a request may pass, how many more may, and after how many seconds another one may.

    `per_minute` is what is allowed, 0 if there is no limit.
    """

    allowed: bool
    per_minute: int
    remaining: int
    retry_after_s: int


UNLIMITED = Allowance(allowed=True, per_minute=0, remaining=0, retry_after_s=0)


class RateLimiter:
    """A bucket of `burst` requests per client, refilled at `per_minute`; 0 per minute lets everything pass."""

    def __init__(self, *, per_minute: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self.burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, *, per_minute: int | None = None, may_hold: int = 0) -> Allowance:
        """Take one request out of the client's bucket; one with a pace of its own has no more burst than that.

        Who may hold so many things open may open them all five times over at once, and once each minute.
        """
        pace = self.per_minute if per_minute is None else per_minute
        burst = self.burst if per_minute is None else min(self.burst, per_minute)
        if not pace:
            return UNLIMITED
        pace, burst = max(pace, may_hold), max(burst, COMINGS * may_hold)
        now, per_second = self._clock(), pace / 60
        with self._lock:
            level, filled_at = self._buckets.pop(client, (float(burst), now))
            level = min(burst, level + (now - filled_at) * per_second)
            allowed = level >= 1
            level -= allowed
            self._buckets[client] = (level, now)
            if len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
        return Allowance(
            allowed=allowed,
            per_minute=pace,
            remaining=int(level),
            retry_after_s=0 if allowed else ceil((1 - level) / per_second),
        )
