"""A line of the log for each token that is refused, and no more of them than a disk can bear."""

import logging
import threading

from gepa_next.api.edge.rates import RateLimiter

log = logging.getLogger(__name__)

LINES_PER_MIN = 60


class RefusedTokens:
    """Logs who was refused, at most so many lines a minute; the next one says how many there were no lines for."""

    def __init__(self, lines: RateLimiter | None = None) -> None:
        self._lines = lines or RateLimiter(per_minute=LINES_PER_MIN, burst=LINES_PER_MIN)
        self._lock = threading.Lock()
        self._untold = 0

    def tell(self, shown: str, address: str) -> None:
        """Log that what somebody has shown is none of the server's, unless there are too many such lines."""
        with self._lock:
            if not self._lines.take("").allowed:
                self._untold += 1
                return
            untold, self._untold = self._untold, 0
        before = f" ({untold} more before were not logged)" if untold else ""
        log.warning("refused %s from %s%s", shown, address or "nowhere", before, extra={"address": address})
