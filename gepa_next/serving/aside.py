"""A native thread for what would block the one whose threads are greenlets."""

from collections.abc import Callable

from gevent.threadpool import ThreadPool


class Aside:
    """Runs what blocks its thread in a native one, while the greenlets of its own go on."""

    def __init__(self) -> None:
        self._pool = ThreadPool(1)

    def __call__(self, work: Callable[[], None]) -> None:
        """Return when the work is done; what it raises is raised here."""
        # As a value: an error that left the pool's thread would be printed there.
        error = self._pool.apply(_error_of, (work,))
        if error is not None:
            raise error


def _error_of(work: Callable[[], None]) -> Exception | None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller raises it
        return error
    return None
