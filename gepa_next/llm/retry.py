"""Try again as the fault table says, with jittered waits and a budget for them."""

import math
import random
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TypeVar

from gepa_next.llm.failure import Failure, Fault, Wait
from gepa_next.llm.throttle import LONG_S

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0

Result = TypeVar("Result")

_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,12})?")


def read_retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return the seconds that the server asks to wait (names in lower case), or None when it cannot be read."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        stated = headers.get(name, "").strip()
        if _NUMBER.fullmatch(stated):
            return float(stated) * unit_s
    return _seconds_until(headers.get("retry-after", ""), now)


def _seconds_until(stated: str, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(stated)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


class RetryBudget:
    """Allow quick retries for at most a share of the recent sends, and always a few; shared by threads."""

    def __init__(self, *, share: float = 0.2, window: int = 100, few: int = 10) -> None:
        self._share = share
        self._few = few
        self._recent: deque[bool] = deque(maxlen=window)
        self._lock = Lock()

    def count_call(self) -> None:
        """Count a first send."""
        with self._lock:
            self._recent.append(False)

    def take_retry(self) -> bool:
        """Count a quick retry and return True, or False when there have been too many."""
        with self._lock:
            taken = sum(self._recent)
            if taken >= max(self._few, self._share * len(self._recent)):
                return False
            self._recent.append(True)
            return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The one retry loop. `wait` may raise to end it, when the job is cancelled for example.

    `say_late` is told of the fault before a wait that is worth telling, `note_retry` before every further try.
    """

    budget: RetryBudget = field(default_factory=RetryBudget)
    wait: Callable[[float], None] = time.sleep
    say_late: Callable[[Fault], None] = lambda _: None
    note_retry: Callable[[Fault], None] = lambda _: None
    uniform: Callable[[float, float], float] = random.uniform

    def __call__(self, send: Callable[[bool], Result]) -> Result:
        """Return what `send` returns, calling it again as the Failures that it raises allow.

        Its argument asks for a fresh connection. It waits by itself where all calls to the endpoint do.
        """
        self.budget.count_call()
        met: Counter[Fault] = Counter()
        fresh = False
        while True:
            try:
                return send(fresh)
            except Failure as failure:
                fault = failure.fault
                if failure.ends is not None:
                    raise
                if fault.wait is not Wait.TOGETHER:
                    if fault.wait is Wait.AT_ONCE_THEN_BACKOFF and not fresh:
                        fresh = True
                    elif fault.retries is not None and met[fault] >= fault.retries:
                        raise
                    else:
                        self._pause(fault, met.total())
                        met[fault] += 1
                self.note_retry(fault)

    def _pause(self, fault: Fault, retried: int) -> None:
        pause_s = self._pause_s(fault, retried)
        if pause_s > LONG_S:
            self.say_late(fault)
        self.wait(pause_s)

    def _pause_s(self, fault: Fault, retried: int) -> float:
        """Return how long to wait: a retry beyond the budget is not refused, it comes late."""
        if fault.budgeted and not self.budget.take_retry():
            return self.uniform(LONGEST_WAIT_S / 2, LONGEST_WAIT_S)
        return self.uniform(0.0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**retried))
