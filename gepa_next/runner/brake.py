"""The brake: what could not be recorded is not bought."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

LOOK_S = 1.0
DISK_FULL = "disk_full"


class DiskBrake:
    """Says why no call may be started while the database's disk has less than so much room; None if one may."""

    def __init__(
        self,
        folder: Path,
        *,
        least_free_bytes: int,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._least = least_free_bytes
        self._free_bytes = free_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._reason: str | None = None

    def __call__(self) -> str | None:
        """Return the reason to wait; the disk is looked at once a second, whoever asks."""
        with self._lock:
            if self._clock() - self._looked_at >= LOOK_S:
                self._looked_at = self._clock()
                self._reason = self._look()
            return self._reason

    def _look(self) -> str | None:
        try:
            return DISK_FULL if self._free_bytes(self._folder) < self._least else None
        except OSError:  # a disk that cannot be asked is not known to be full
            return None
