"""Back-off: what fails again and again is left alone for longer each time."""

import time
from dataclasses import dataclass

FIRST_S = 1.0
LONGEST_S = 60.0


def pause_s(times: int) -> float:
    """Return how long to wait after so many failures and one more."""
    return min(FIRST_S * 2.0 ** min(times, 10), LONGEST_S)


@dataclass(slots=True)
class BackOff:
    """Counts failures in a row; `is_over` says whether to try again."""

    times: int = 0
    until: float = float("-inf")  # on the monotonic clock

    def begin(self) -> None:
        """Note a failure: after the first it is soon over, after each next twice as late, up to a minute."""
        self.until = time.monotonic() + pause_s(self.times)
        self.times += 1

    def reset(self) -> None:
        """Forget the failures: something has worked."""
        self.times, self.until = 0, float("-inf")

    @property
    def is_over(self) -> bool:
        """Whether the wait is over, or there was none."""
        return time.monotonic() >= self.until
