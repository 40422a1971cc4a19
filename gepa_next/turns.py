"""Turns: what a thread does again and again, and must go on doing whatever it meets."""

import logging
from collections.abc import Callable

from gepa_next.errors import GepaNextError

log = logging.getLogger(__name__)


class Turn:
    """Outlives every error, which is logged, but not again while it is the same; for one thread."""

    def __init__(self, failing: str, work: Callable[[], object]) -> None:
        self._failing = failing
        self._work = work
        self._told = ""

    def __call__(self) -> bool:
        """Do the work once; False if it failed, and then pause before the next."""
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - the edge of a thread, without which nothing would go on
            self._tell(error)
            return False
        self._told = ""
        return True

    def _tell(self, error: Exception) -> None:
        told = repr(error)
        if told != self._told:
            self._told = told
            trace = None if isinstance(error, GepaNextError | OSError) else error
            log.warning("%s: %s", self._failing, error, exc_info=trace)
