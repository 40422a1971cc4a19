"""Let the requests of all jobs of a process through: each endpoint at its level, jobs in turn."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

from gepa_next.gepa.types import Role
from gepa_next.llm import faults
from gepa_next.llm.failure import Failure, Fault, Scope
from gepa_next.llm.throttle import LONGEST_WISH_S, Throttle, Trouble
from gepa_next.models import Waiting

LOOK_S = 0.2  # how soon a request that waits notices that its job was let go
SHORTEST_NAP_S = 0.001
PATIENCE_S = 300.0

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Turn:
    """One request over all its tries: since when it wants to go, and since when it has been refused."""

    asked_at: float
    refused_at: float | None = None
    number: int | None = None  # the throttle's, while it may go
    passed: threading.Event | None = None


@dataclass(slots=True, eq=False)
class Traffic:
    """What one job has in flight at all endpoints, and whom to tell why it waits when that is nothing.

    A thread that waits does so within `aside`.
    """

    say_waiting: Callable[[Waiting], None] = lambda _: None
    aside: Callable[[], AbstractContextManager[None]] = nullcontext
    in_flight: int = 0


class Turnstile:
    """The gate that all requests of a process pass; share it among threads and jobs.

    At most `most` are in flight at once, and one more of a job that has none: jobs whose calls hang must not hold up
    the others. Of those that may go, the next is one of the job that has least in flight at its endpoint. `nap` waits
    for an event at most so many seconds.
    """

    def __init__(
        self,
        *,
        most: float = math.inf,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
        nap: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self.clock = clock
        self._patience_s = patience_s
        self._nap = nap
        self._most = most
        self._in_flight = 0
        self._lock = threading.Lock()
        self._passed = 0
        self._queued: dict[Lane, None] = {}  # a set that keeps its order

    def enter(self, lane: "Lane", turn: Turn, permit: Callable[[], None]) -> None:
        """Return when the request may go; Failure if the endpoint's trouble lasts, and whatever `permit` raises."""
        with self._lock:
            self._queue(lane, turn)
            self._let_through()
            if turn.number is not None:
                return
            turn.passed = threading.Event()
        try:
            with lane.traffic.aside():
                self._wait(lane, turn, turn.passed, permit)
        except BaseException:
            self._withdraw(lane, turn)
            raise

    def leave(self, lane: "Lane", turn: Turn, failure: Failure | None, *, heard: bool = True) -> Scope | None:
        """Note how the request went, if anything was heard; return what ends with it, None if it may be tried again."""
        with self._lock:
            now, number = self.clock(), turn.number or 0
            if heard:
                lane.throttle.hear(number, failure, now=now)
                lane.told_late = lane.told_late and failure is not None
            self._end(lane, turn)
            self._let_through()
            return self._ending(lane, turn, failure, now) if failure else None

    def note_late(self, lane: "Lane") -> bool:
        """Note that a call waits long for its next try; True if its job has to be told, which does nothing else."""
        with self._lock:
            if lane.told_late or lane.traffic.in_flight:
                return False
            lane.told_late = True
            return True

    def _queue(self, lane: "Lane", turn: Turn) -> None:
        lane.turns.append(turn)  # also when it was refused: one that always is must not hold up the others
        self._queued[lane] = None

    def _let_through(self) -> None:
        now = self.clock()
        while (lane := self._next(now)) is not None:
            turn = lane.turns.popleft()
            if not lane.turns:
                del self._queued[lane]
            turn.number = lane.throttle.begin(now)
            self._passed += 1
            lane.last_passed = self._passed
            self._in_flight += 1
            lane.in_flight += 1
            lane.traffic.in_flight += 1
            if turn.passed is not None:
                turn.passed.set()

    def _next(self, now: float) -> "Lane | None":
        has_room = self._in_flight < self._most
        has_right = (lane for lane in self._queued if has_room or not lane.traffic.in_flight)
        able = (lane for lane in has_right if lane.throttle.admits(now))
        return min(able, key=Lane.place, default=None)

    def _wait(self, lane: "Lane", turn: Turn, passed: threading.Event, permit: Callable[[], None]) -> None:
        while turn.number is None:
            opens_in_s = lane.throttle.opens_at() - self.clock()
            self._nap(passed, max(SHORTEST_NAP_S, min(LOOK_S, opens_in_s)) if opens_in_s > 0 else LOOK_S)
            permit()
            if waiting := self._look(lane, turn):
                lane.traffic.say_waiting(waiting)

    def _look(self, lane: "Lane", turn: Turn) -> Waiting | None:
        """Let through whatever may go by now; return why the job waits if it has not been told yet."""
        with self._lock:
            trouble, now = lane.throttle.trouble, self.clock()
            if turn.number is None and trouble is not None and self._is_out_of_patience(trouble, turn):
                raise Failure(trouble.fault, trouble.detail, ends=Scope.JOB)
            self._let_through()
            if trouble is None or trouble is lane.told or lane.traffic.in_flight or not lane.throttle.delays(now):
                return None
            lane.told = trouble
            return lane.waits_for(
                trouble.fault,
                error=trouble.detail if trouble.fault in faults.NOTHING_SENT else "",
                patience_s=max(0.0, self._patient_since(trouble, turn) + self._patience_s - now),
            )

    def _withdraw(self, lane: "Lane", turn: Turn) -> None:
        with self._lock:
            if turn.number is not None:
                self._end(lane, turn)
            else:
                lane.turns.remove(turn)
                if not lane.turns:
                    del self._queued[lane]
            self._let_through()

    def _end(self, lane: "Lane", turn: Turn) -> None:
        lane.throttle.end(turn.number or 0)
        turn.number = turn.passed = None
        self._in_flight -= 1
        lane.in_flight -= 1
        lane.traffic.in_flight -= 1

    def _ending(self, lane: "Lane", turn: Turn, failure: Failure, now: float) -> Scope | None:
        if failure.fault not in {faults.RATE_LIMITED, faults.UNREACHABLE}:
            turn.refused_at = None  # it was taken, for once
            return None
        turn.refused_at = now if turn.refused_at is None else turn.refused_at
        trouble = lane.throttle.trouble
        if (failure.retry_after_s or 0.0) > LONGEST_WISH_S:
            return Scope.JOB
        # Others are answered, this one never: it may be more than the endpoint ever takes at once.
        if now - turn.refused_at >= self._patience_s and (trouble is None or trouble.answered_at > turn.refused_at):
            return Scope.CALL
        return Scope.JOB if trouble is not None and self._is_out_of_patience(trouble, turn) else None

    def _is_out_of_patience(self, trouble: Trouble, turn: Turn) -> bool:
        """Say whether the endpoint has failed again after all the time it was given."""
        return trouble.failed_at - self._patient_since(trouble, turn) >= self._patience_s

    def _patient_since(self, trouble: Trouble, turn: Turn) -> float:
        return max(trouble.answered_at, turn.asked_at)


@dataclass(slots=True, eq=False)
class Lane:
    """One job's way to one `endpoint`, that of these `roles`; shared by the threads of the job."""

    turnstile: Turnstile = field(default_factory=Turnstile)
    throttle: Throttle = field(default_factory=Throttle)
    traffic: Traffic = field(default_factory=Traffic)
    endpoint: str = ""
    roles: tuple[Role, ...] = ()
    # The turnstile's, under its lock:
    turns: deque[Turn] = field(default_factory=deque)
    in_flight: int = 0
    last_passed: int = 0
    told: Trouble | None = None
    told_late: bool = False

    def turn(self) -> Turn:
        """Return the turn of a new request."""
        return Turn(self.turnstile.clock())

    def through(self, turn: Turn, send: Callable[[], Result], permit: Callable[[], None]) -> Result:
        """Return what `send` returns, called when it is this request's turn; a Failure says what it ends."""
        self.turnstile.enter(self, turn, permit)
        try:
            answer = send()
        except Failure as failure:
            failure.ends = self.turnstile.leave(self, turn, failure)
            raise
        except BaseException:
            self.turnstile.leave(self, turn, None, heard=False)
            raise
        self.turnstile.leave(self, turn, None)
        return answer

    def say_late(self, fault: Fault) -> None:
        """Tell the job that a call waits long for its next try, if the job does nothing else; once until an answer."""
        if self.turnstile.note_late(self):
            self.traffic.say_waiting(self.waits_for(fault))

    def waits_for(self, fault: Fault, *, error: str = "", patience_s: float | None = None) -> Waiting:
        """Return what the job is told of trouble here."""
        return Waiting(reason=fault.code, roles=self.roles, endpoint=self.endpoint, error=error, patience_s=patience_s)

    def place(self) -> tuple[int, int]:
        """Return what the turnstile orders lanes by: the least in flight first, then the longest passed over."""
        return self.in_flight, self.last_passed
