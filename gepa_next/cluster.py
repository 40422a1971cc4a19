"""Run work on an existing Dask cluster; the extra `dask` brings what this needs."""

import asyncio
import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import TypeVar

from distributed import Client, KilledWorker, get_worker

from gepa_next.elsewhere import QUEUED_S, Done, NotDone
from gepa_next.version import VERSION

log = logging.getLogger(__name__)

CONNECT_S = 5.0
AWAY_S = 1.0  # so long after an attempt that failed there is no other
TOPIC = "gepa-next-begun"
# They tell of a lost connection in traces without end, with a handler of their own: what matters of it is told here.
for _name in ("distributed", "distributed.client", "tornado.application"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

Result = TypeVar("Result")

# What a cluster does when it has no worker, loses one, is stopped, or runs something else than we do.
_TROUBLE = (KilledWorker, CancelledError, asyncio.CancelledError, TimeoutError, OSError, ImportError, RuntimeError)


class OtherVersion(RuntimeError):
    """Report a worker with another version of this package."""


class Cluster:
    """Own the connection to a scheduler, made when first needed and again when it is lost; share it among threads.

    Every beginning of a piece of work is told by its worker, over the connection that its result comes by: work that
    was begun twice, because its worker died over it, is known to have been.
    """

    def __init__(self, address: str, *, connect_s: float = CONNECT_S) -> None:
        self._address = address
        self._connect_s = connect_s
        self._client: Client | None = None
        self._connecting = threading.Lock()
        self._away_until = 0.0
        self._begun: Counter[str] = Counter()

    def __call__(self, function: Callable[..., Result], /, *arguments: object, lasts_s: float) -> Done[Result]:
        """Call the function on some worker; NotDone if there is no result, in time."""
        name = secrets.token_hex(8)
        with self._troubles(name):
            executor = self._connected().get_executor(pure=False)
            future = executor.submit(perform, VERSION, name, function, *arguments)
            result: Result = _result(future, lasts_s + QUEUED_S)
        return Done(result, max(self._begun.pop(name, 1), 1))

    def close(self) -> None:
        """Let go of the scheduler."""
        if self._client is not None:
            self._client.close(timeout=self._connect_s)

    @contextmanager
    def _troubles(self, name: str) -> Iterator[None]:
        try:
            yield
        except _TROUBLE as error:
            raise NotDone(
                f"the cluster: {type(error).__name__}: {error}"[:300], begun=self._begun.pop(name, 0)
            ) from error

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None or self._client.status not in {"running", "connecting"}:
                if self._client is not None:  # it has tried for as long as an attempt takes
                    self._lose()
                if time.monotonic() < self._away_until:  # all that waited meanwhile are told at once
                    raise OSError("the scheduler cannot be reached")
                self._client = self._connect()
            return self._client

    def _lose(self) -> None:
        self._client = None
        self._away_until = time.monotonic() + AWAY_S
        log.warning("the connection to the cluster at %s is lost", self._address)

    def _connect(self) -> Client:
        self._away_until = time.monotonic() + self._connect_s + AWAY_S
        client = Client(self._address, timeout=self._connect_s, set_as_default=False, name="gepa-next")
        client.subscribe_topic(TOPIC, self._note)
        self._away_until = 0.0
        log.info("connected to the cluster at %s", self._address)
        return client

    def _note(self, event: tuple[float, str]) -> None:
        self._begun[event[1]] += 1


def perform(version: str, name: str, function: Callable[..., Result], *arguments: object) -> Result:
    """Call the function on this worker, and tell that it has begun."""
    if version != VERSION:
        raise OtherVersion(f"a worker has gepa-next {VERSION}, not {version}")
    get_worker().log_event(TOPIC, name)
    return function(*arguments)


def _result(future: "Future[Result]", timeout_s: float) -> Result:
    try:
        return future.result(timeout_s)
    finally:
        future.cancel()  # nothing if it is done
