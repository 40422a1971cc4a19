"""Find out from how an endpoint answers how much it takes just now."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from gepa_next.llm import faults
from gepa_next.llm.failure import Failure, Fault

MOST = 1000
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
LONGEST_WISH_S = 3600.0  # who asks for more is not waited for
DOWN_AFTER = 10  # connections that failed in a row
LONG_S = 5.0  # what is over sooner is not worth telling
MINUTE_S = 61.0  # a second more: a request may be late on its way, and the first of the next minute early

# All other faults are answers; after those beyond the first two nobody knows whether the endpoint is well.
_TOLD_APART = frozenset(
    {
        faults.RATE_LIMITED,
        faults.UNREACHABLE,
        faults.RESET,
        faults.STALLED,
        faults.DEADLINE,
        faults.CUT_SHORT,
        faults.BAD_ADDRESS,
        faults.FORBIDDEN_ADDRESS,
    }
)


@dataclass(slots=True, eq=False)
class Trouble:
    """A spell in which an endpoint refuses or is out of reach; it ends with an answer to a later request.

    `answered_at` is when it last answered what was sent in the spell, together with what it then refused:
    `began_after` is the number of the last request before.
    """

    fault: Fault
    since: float
    failed_at: float
    began_after: int
    answered_at: float
    detail: str = ""
    rounds: int = 0


class Throttle:
    """How many requests one endpoint takes at once, when the next may go, and what trouble there is.

    The level is halved when requests are refused, at most once for those that were in flight together, and
    rises by one with every so many answers. An endpoint that cannot be reached gets one request at a time.
    Times are the caller's; it is not safe for threads by itself, the turnstile's lock is around it.
    """

    def __init__(
        self,
        most: int = MOST,
        *,
        per_minute: int | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.trouble: Trouble | None = None
        self._most = most
        self._level = float(most)
        self._uniform = uniform
        self._recent = deque[float](maxlen=per_minute) if per_minute else None
        self._paused_until = float("-inf")
        self._in_flight = 0
        self._sent = 0  # requests so far: the number of the last one
        self._mark = 0  # the last that was sent before the trouble was noticed
        self._since_mark = 0  # in flight, of those sent later
        self._lost = 0  # connections that failed in a row

    @property
    def level(self) -> int:
        """How many requests may be in flight."""
        return int(self._level)

    @property
    def is_down(self) -> bool:
        """Whether it is out of reach, so that one request at a time finds out when it is back."""
        return self._lost >= DOWN_AFTER

    def opens_at(self) -> float:
        """Return when the next request may go, for all that is known."""
        if self._recent is None or len(self._recent) < (self._recent.maxlen or 0):
            return self._paused_until
        return max(self._paused_until, self._recent[0] + MINUTE_S)

    def admits(self, now: float) -> bool:
        """Say whether a request may go."""
        if self.opens_at() > now:
            return False
        if self.is_down:
            return not self._since_mark
        # Never yet refused, or well again: then there is no limit but that on all calls of the process.
        return self._level >= self._most or self._in_flight < self.level

    def delays(self, now: float) -> bool:
        """Say whether its trouble takes long."""
        if self.trouble is None:
            return False
        return self.is_down or self._paused_until - now > LONG_S or now - self.trouble.since > LONG_S

    def begin(self, now: float) -> int:
        """Count a request that goes out; return its number."""
        self._in_flight += 1
        self._sent += 1
        self._since_mark += 1
        if self._recent is not None:
            self._recent.append(now)
        return self._sent

    def end(self, number: int) -> None:
        """Count a request that has come back, or never went."""
        self._in_flight -= 1
        if number > self._mark:
            self._since_mark -= 1

    def hear(self, number: int, failure: Failure | None, *, now: float) -> None:
        """Take in how a request went, before its `end`."""
        if failure is None or failure.fault not in _TOLD_APART:
            self._answered(number, now)
        elif failure.fault is faults.RATE_LIMITED:
            self._refused(number, failure, now)
        elif failure.fault is faults.UNREACHABLE:
            self._lost += 1
            self._failed(number, failure, now)

    def _answered(self, number: int, now: float) -> None:
        self._lost = 0
        if number <= self._mark:  # no news of how things are since
            if self.trouble is not None and number > self.trouble.began_after:
                self.trouble.answered_at = now
            return
        self.trouble = None
        if self._in_flight >= self.level:  # a level that is not reached is not tested
            self._level = min(float(self._most), self._level + 1 / self._level)

    def _refused(self, number: int, failure: Failure, now: float) -> None:
        wish_s = failure.retry_after_s or 0.0
        if wish_s <= LONGEST_WISH_S:
            self._paused_until = max(self._paused_until, now + wish_s)
        if number > self._mark:
            self._level = max(1.0, min(self._level, self._in_flight) / 2)
        self._failed(number, failure, now)

    def _failed(self, number: int, failure: Failure, now: float) -> None:
        """Note the trouble, and once for all that were in flight together pause, longer each time."""
        is_new = number > self._mark
        if self.trouble is None and not is_new:
            return
        trouble = self._trouble_of(failure.fault, now)
        trouble.failed_at, trouble.detail = now, failure.detail
        if is_new:
            self._mark, self._since_mark = self._sent, 0
            longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(trouble.rounds, 10))
            trouble.rounds += 1
            self._paused_until = max(self._paused_until, now + self._uniform(0.0, longest))

    def _trouble_of(self, fault: Fault, now: float) -> Trouble:
        known = self.trouble
        if known is None:
            known = self.trouble = Trouble(fault, since=now, failed_at=now, began_after=self._sent, answered_at=now)
        elif known.fault is not fault:
            known = self.trouble = replace(known, fault=fault)
        return known
