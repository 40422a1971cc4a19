"""Who hears of commits: listeners that there was one, timers how long it took, and anybody how long none succeeds."""

import time
from collections.abc import Callable


class Outcomes:
    """What became of the commits of one database; whoever listens must not block."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[], None]] = []
        self.timers: list[Callable[[float], None]] = []
        self._failing_since: float | None = None

    @property
    def failing_s(self) -> float:
        """For how long every commit has failed; 0 if the last one succeeded, or none was tried."""
        since = self._failing_since
        return 0.0 if since is None else time.monotonic() - since

    def succeeded(self, began: float, *, timed: bool) -> None:
        """Tell of a commit that began then, on the monotonic clock."""
        self._failing_since = None
        self._tell_timers(began, timed=timed)
        for listener in self.listeners:
            listener()

    def failed(self, began: float, *, timed: bool = False) -> None:
        """Note that one failed; tell how long it took if somebody waited for it in vain and it is `timed`."""
        if self._failing_since is None:
            self._failing_since = began
        self._tell_timers(began, timed=timed)

    def _tell_timers(self, began: float, *, timed: bool) -> None:
        took_s = time.monotonic() - began
        for timer in self.timers if timed else ():
            timer(took_s)
