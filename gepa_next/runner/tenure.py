"""Tenure: a job as this process holds it, and the proof of that before anything is sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from gepa_next.errors import Interrupted, ProviderError
from gepa_next.runner.refusals import unsent
from gepa_next.store.database import Database
from gepa_next.store.leases import LEASE_S
from gepa_next.store.ledger import Holder, still_held

NOTICE_S = 0.1
CANCEL_S = 2.0  # after that nothing is sent for a job that was cancelled
PROOF_S = min(LEASE_S / 2, 0.75 * CANCEL_S)  # so long a proof holds: nobody takes a job over sooner


@dataclass(slots=True)
class Tenure:
    """Who holds a job, and whether still; shared by all threads that work on it."""

    database: Database
    holder: Holder
    let_go: Event
    clock: Callable[[], float] = time.monotonic
    _proved_at: float = field(default=float("-inf"))
    _given_up: bool = False
    _refusal: ProviderError | None = None

    def prove(self, at: float) -> None:
        """Note that a write of this holder, begun at that time, was committed."""
        self._proved_at = max(self._proved_at, at)

    def permit(self) -> None:
        """Raise Interrupted unless the job is still this holder's; the last thing before a request is sent.

        A process that was frozen may wake up anywhere, with its job long in other hands. It must not pay. Of a job
        that is refused, the ProviderError is raised again.
        """
        if self.is_over():
            raise _let_go()
        self._check_refusal()
        now = self.clock()
        if now - self._proved_at > PROOF_S:
            if not still_held(self.database, self.holder):
                raise _let_go()
            self.prove(now)

    def is_over(self) -> bool:
        """Say whether the job is known here to be nothing to send for any more."""
        return self.let_go.is_set() or self._given_up

    def wait(self, seconds: float) -> None:
        """Wait between two tries of a call, but not for a job that is not ours any more, or refused."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.let_go.wait(min(left, NOTICE_S)) or self._given_up:
                raise _let_go()
            self._check_refusal()

    def refuse(self, error: ProviderError) -> None:
        """Let no more requests be sent, because of one that will end the job: it is not let go."""
        self._refusal = error

    def give_up(self) -> None:
        """Let no more requests be sent, though the job is still ours: it goes back into the queue."""
        self._given_up = True

    def _check_refusal(self) -> None:
        if self._refusal is not None:
            raise unsent(self._refusal)


def _let_go() -> Interrupted:
    return Interrupted("let_go", "the runner let go of the job")
