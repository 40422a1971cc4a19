"""Job states as they were last rendered: who asks again before anything has changed gets the same bytes."""

import threading
from collections import OrderedDict

from gepa_next.models import JobVersion

MOST, LARGEST_BYTES = 256, 32 * 1024


class RenderedStates:
    """For any thread; holds the states that were asked for last, each of one version of its job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bodies: OrderedDict[str, tuple[JobVersion, bytes]] = OrderedDict()

    def find(self, job_id: str, version: JobVersion) -> bytes | None:
        """Return the body of that version, None if it is not there."""
        with self._lock:
            known, body = self._bodies.get(job_id, (None, None))
            if known != version:
                return None
            self._bodies.move_to_end(job_id)
            return body

    def keep(self, job_id: str, version: JobVersion, body: bytes) -> None:
        """Keep the body in place of those of other versions; one that is large is not kept."""
        with self._lock:
            self._bodies.pop(job_id, None)
            if len(body) <= LARGEST_BYTES:
                self._bodies[job_id] = (version, body)
            if len(self._bodies) > MOST:
                self._bodies.popitem(last=False)
