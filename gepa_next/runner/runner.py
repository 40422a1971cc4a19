"""The runner: the threads that see to it that jobs are claimed, kept, let go of and, at the end, drained."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from gepa_next.elsewhere import Elsewhere
from gepa_next.errors import StoreError, UnavailableError
from gepa_next.processes import PULSE_S, tell_parent
from gepa_next.runner import judge_watch, watch
from gepa_next.runner.aftermath import Aftermath
from gepa_next.runner.asking import Asking
from gepa_next.runner.call_pool import CallPool
from gepa_next.runner.claiming import Claiming
from gepa_next.runner.holdings import LONGEST_CALL_S, Holdings
from gepa_next.runner.job_run import JobRun, ModelsFor
from gepa_next.runner.judge_watch import JudgeWatch
from gepa_next.runner.presence import Presence
from gepa_next.store.database import Database
from gepa_next.store.leases import Claim, lost_jobs
from gepa_next.turns import Turn

log = logging.getLogger(__name__)

BEAT_S = 1.0
LOOK_S = 0.2
FLUSH_S = 0.02  # the longest that an answer is held for a commit to share
LAST_S = 5.0  # so long a draining runner at least tries to write what is paid for
LONGEST_TURN_S = 120.0  # a lock that somebody else holds may take several times its patience


class Runner:
    """Owns the two pools and the threads that look after jobs; start it once, drain it once.

    So long as a call may take, an answer to a run that is over is awaited before another run asks again.
    """

    def __init__(
        self,
        database: Database,
        models_for: ModelsFor,
        *,
        concurrent_jobs: int,
        concurrent_calls: int,
        longest_call_s: float = LONGEST_CALL_S,
        kill_hung: bool = True,
        brake: Callable[[], str | None] = lambda: None,
        checks_judge: JudgeWatch | None = None,
        elsewhere: Elsewhere | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._watch = watch.Watch(database, kill_hung=kill_hung)
        self._database = database
        self._clock = clock
        self._brake = brake
        self._checks_judge = checks_judge
        self._wake = threading.Event()
        self._call_pool = CallPool(concurrent_calls)
        self._held = Holdings(longest_call_s=longest_call_s)
        self._put_away_what_is_over = Aftermath(database, self._held, clock=clock)
        asking = Asking()

        def new_run(claim: Claim) -> JobRun:
            pool = self._call_pool.share()
            return JobRun(database, claim, pool, models_for, clock, brake=brake, asking=asking, elsewhere=elsewhere)

        self._claim_jobs = Claiming(
            database, self._held, new_run, concurrent_jobs=concurrent_jobs, ended=self._wake.set, clock=clock
        )
        self._draining = threading.Event()
        self._stopped = threading.Event()
        self._left = threading.Event()
        self._turn_began = time.monotonic()
        self._next_beat = 0.0
        self._works = True
        self._thread = _thread("runner", self._look_after_jobs)
        self._flush_thread = _thread("flush", self._flush)

    def start(self) -> None:
        """Begin to claim jobs, as soon as the database can be written."""
        self._presence = Presence(self._database, clock=self._clock)
        self._database.listen(self._wake.set)
        self._thread.start()
        # Threads of their own, for the first may have to wait for the write gate: a sign of life must be given,
        # a job that was cancelled let go, and a process that hangs killed, meanwhile.
        for name, work in (("pulse", self._live), ("notice", self._notice), ("watch", self._watch_others)):
            _thread(name, work).start()
        self._flush_thread.start()
        if self._checks_judge is not None:
            _thread("judge", partial(self._watch_judge, self._checks_judge)).start()

    @property
    def calls_under_way(self) -> int:
        """How many model calls have been begun and have no outcome yet."""
        return sum(run.calls_under_way for run in self._held.running)

    def drain(self, timeout_s: float) -> None:
        """Start no new call, wait so long for those in flight, and put unfinished jobs back into the queue."""
        self._draining.set()
        self._wake.set()
        self._held.let_go_of_all()
        deadline = time.monotonic() + timeout_s
        try:
            self._call_pool.drain(timeout_s)
            self._end_threads()
        finally:
            self._leave(until=max(deadline, time.monotonic() + LAST_S))

    def _end_threads(self) -> None:
        self._stopped.set()
        self._wake.set()
        self._thread.join(BEAT_S)
        self._flush_thread.join(BEAT_S)
        self._claim_jobs.close()

    def _leave(self, *, until: float) -> None:
        try:
            self._retire(until=until)
        finally:
            self._left.set()
            self._presence.close()

    def _retire(self, *, until: float) -> None:
        """Put the jobs back, after everything that is still to be written; again while nothing can be written."""
        while True:
            try:
                self._database.flush()  # what is paid for first, in a commit of its own
                return self._presence.leave()
            except (StoreError, UnavailableError) as error:
                if time.monotonic() >= until:
                    log.error("what is not written yet is lost: %s", error.message)  # noqa: TRY400 - no bug of ours
                    return None
                time.sleep(LOOK_S)

    def _look_after_jobs(self) -> None:
        turn = Turn("runner cannot use the database", self._look_after_jobs_once)
        while not self._stopped.is_set():  # on while it drains: others must see that it does
            self._turn_began = time.monotonic()
            # Not to be woken after a failure: whoever writes meanwhile does not mend it.
            self._works = turn()
            (self._wake if self._works else self._stopped).wait(LOOK_S)
            self._wake.clear()

    def _look_after_jobs_once(self) -> None:
        if self._works and time.monotonic() >= self._next_beat:  # it says that all the rest can be done
            self._presence.renew(draining=self._draining.is_set())
            self._next_beat = time.monotonic() + BEAT_S
        if not self._draining.is_set():  # else all go back at the end
            self._put_away_what_is_over()
        self._claim_jobs(self._presence.identity, go_on=lambda: not self._draining.is_set())

    def _live(self) -> None:
        show = Turn("runner cannot give a sign of life", self._presence.show)
        while not self._left.is_set():
            if self._gets_on():
                tell_parent()
                show()
            self._left.wait(PULSE_S)

    def _gets_on(self) -> bool:
        """Say whether the thread that looks after jobs lives and moves, or has done its work."""
        moves = self._thread.is_alive() and time.monotonic() - self._turn_began < LONGEST_TURN_S
        return moves or self._stopped.is_set()

    def _notice(self) -> None:
        """Let go of jobs that were cancelled or taken over. It only reads, and goes on while the runner drains."""
        look = Turn("runner cannot see what becomes of its jobs", self._let_go_of_lost_jobs)
        while not self._stopped.wait(LOOK_S):
            look()

    def _watch_others(self) -> None:
        look = Turn("runner cannot look after others", self._watch)
        while not self._stopped.wait(watch.LOOK_S):
            if self._presence.is_seen:  # who cannot give a sign of life itself may not judge by it
                look()

    def _watch_judge(self, check: JudgeWatch) -> None:
        def once() -> None:
            check(self._database, self._presence.identity.id, go_on=self._wait_until_idle)

        look = Turn("runner cannot check the judge", once)
        while not self._draining.wait(judge_watch.LOOK_S):
            look()

    def _wait_until_idle(self) -> bool:
        """Return True once there is no job to run and room on the disk, False when the runner drains."""
        while not self._draining.is_set():
            if not (self._held.jobs or self._claim_jobs.finds_any(self._presence.identity) or self._brake()):
                return True
            self._draining.wait(LOOK_S)
        return False

    def _flush(self) -> None:
        """Commit answers soon: they are paid for, and a crash would lose those that are not committed."""
        flush = Turn("answers cannot be written yet", self._database.flush)
        pause_s = LOOK_S
        while not self._stopped.wait(pause_s):
            pause_s = FLUSH_S if flush() and self._held.running else LOOK_S

    def _let_go_of_lost_jobs(self) -> None:
        self._held.let_go(lost_jobs(self._database, [run.key for run in self._held.running]))


def _thread(name: str, work: Callable[[], None]) -> threading.Thread:
    return threading.Thread(target=work, name=name, daemon=True)
