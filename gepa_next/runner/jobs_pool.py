"""The threads that jobs run in, on a machine that may have none left."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

from gepa_next.errors import UnavailableError
from gepa_next.runner.back_off import BackOff


class JobsPool:
    """Owns a thread for each job at once; close it in the end."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._executor = self._new_executor()
        self._no_thread = BackOff()

    @property
    def can_begin(self) -> bool:
        """Whether it is worth a try: not for a while after there was no thread for the last one."""
        return self._no_thread.is_over

    def begin(self, run: Callable[[], None]) -> Future[None]:
        """Have the run carried out; UnavailableError if no thread can be started, though one may still come to it."""
        try:
            future = self._executor.submit(copy_context().run, run)
        except RuntimeError as error:
            self._renew()
            self._no_thread.begin()
            raise UnavailableError("no_thread", f"it cannot be begun: {error}") from error
        self._no_thread.reset()
        return future

    def close(self) -> None:
        """Begin nothing more; what runs goes on."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _renew(self) -> None:
        """Leave the old threads to the jobs that run in them: one that failed to start would be taken for idle."""
        self.close()
        self._executor = self._new_executor()

    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._most, thread_name_prefix="job")
