"""The ledger in front of the models: what was answered once is never asked again."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from gepa_next.errors import Interrupted, ModelError
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.spending import NO_USAGE, add_usage, charge
from gepa_next.gepa.types import CallUsage, Completion, ModelCall, Role
from gepa_next.llm.faults import UNSUPPORTED
from gepa_next.models import LedgerCall, Waiting
from gepa_next.runner.asking import Asking
from gepa_next.runner.brake import LOOK_S
from gepa_next.runner.outcomes import consumed, done, failed, replayed, spent
from gepa_next.runner.tenure import Tenure
from gepa_next.store.ledger import begin_call, end_call
from gepa_next.store.pending import Pending
from gepa_next.store.runs import record_waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleModel:
    """The model that plays a role; `endpoint` says where it is asked, for models of one name in two places.

    Nobody pays for calls of one that `is_free`.
    """

    model_id: str
    ask: LanguageModel
    endpoint: str = ""
    is_free: bool = False


class LedgerModel:
    """A LanguageModel that writes intent before and outcome after each call, and replays outcomes."""

    def __init__(
        self,
        tenure: Tenure,
        models: Mapping[Role, RoleModel],
        *,
        clock: Callable[[], float],
        brake: Callable[[], str | None],
        asking: Asking | None = None,
        shared_by: str | None = None,
    ) -> None:
        """Answers at temperature 0 are shared with whoever has the same `shared_by`; with nobody if it is None."""
        self._tenure = tenure
        self._database = tenure.database
        self._holder = tenure.holder
        self._models = models
        self._clock = clock
        self._brake = brake
        self._asking = asking or Asking()
        self._shared_by = shared_by
        self._unshared: set[Role] = set()  # whose models take no temperature, so that each answer is for one call
        self._waits = 0
        self._waiting_lock = threading.Lock()
        self._says_so = False
        self._under_way: set[str] = set()
        self._outcomes: deque[Pending[None]] = deque()
        self._outcomes_lock = threading.Lock()

    def __call__(self, call: ModelCall, /) -> Completion:
        """Return the answer, from the ledger if it is there; Interrupted once the job is not ours.

        Its outcome is queued: nothing that follows from it, a request or a step, is committed without it.
        """
        self._under_way.add(call.key)
        try:
            return self._answered(call)
        finally:
            self._under_way.discard(call.key)

    @property
    def calls_under_way(self) -> int:
        """How many calls have no outcome yet, neither written nor queued."""
        return len(self._under_way)

    def _answered(self, call: ModelCall) -> Completion:
        self._check_outcomes()
        self._wait_for_the_brake()
        model = self._models[call.role]
        intent = LedgerCall(
            key=call.key,
            role=call.role,
            model_id=model.model_id,
            request_sha256=request_hash(model.model_id, call),
            is_free=model.is_free,
            attempts=1,
            status="started",
        )
        intent = replace(intent, question=self._question(model, call, intent))
        alone = None if call.role in self._unshared else intent.question
        with self._asking.alone(alone, permit=self._tenure.permit, is_over=self._tenure.is_over) as asker:
            answer = self._replayed_or_asked(model, call, intent)
            if UNSUPPORTED.code in answer.flags:
                self._unshared.add(call.role)
                asker.in_vain = True
            return answer

    def _question(self, model: RoleModel, call: ModelCall, intent: LedgerCall) -> str | None:
        """Return the hash under which others find the answer, None if it is for this call alone."""
        if self._shared_by is None or call.temperature != 0 or call.fresh:
            return None
        return sha256("\0".join((self._shared_by, model.endpoint, intent.request_sha256)).encode()).hexdigest()

    def _replayed_or_asked(self, model: RoleModel, call: ModelCall, intent: LedgerCall) -> Completion:
        before = self._tenure.clock()
        earlier = begin_call(self._database, self._holder, intent, now=self._clock())
        self._tenure.prove(before)  # not after: a freeze in between would make an old proof look new
        if earlier is not None and earlier.status != "started":
            return replayed(call, earlier)
        return self._asked(model.ask, call, intent, consumed(earlier))

    def give_up(self) -> None:
        """Let no more requests be sent; those in flight come in."""
        self._tenure.give_up()

    def settle(self) -> None:
        """See that every outcome so far is committed; raise what kept one from being written."""
        while self._outcomes:
            self._outcomes[0].result()
            self._outcomes.popleft()

    def _check_outcomes(self) -> None:
        with self._outcomes_lock:
            while self._outcomes and self._outcomes[0].settled:
                self._outcomes.popleft().result()

    def _wait_for_the_brake(self) -> None:
        while reason := self._brake():
            self._say_waiting(reason)
            self._tenure.wait(LOOK_S)
        self._says_so = False
        self._tenure.permit()

    def _say_waiting(self, reason: str) -> None:
        """Have one event say it, however many calls wait."""
        with self._waiting_lock:
            if self._says_so:
                return
            self._says_so = True
            self._waits += 1
            holder = self._holder
            record_waiting(
                self._database,
                holder.job_id,
                epoch=holder.epoch,
                nth=self._waits,
                waiting=Waiting(reason=reason),
                now=self._clock(),
            )

    def _asked(self, ask: LanguageModel, call: ModelCall, intent: LedgerCall, before: CallUsage) -> Completion:
        """Return the answer with what the call has consumed in all, refused attempts included: as a replay will."""
        started = time.monotonic()
        try:
            answer = ask(call)
        except Interrupted as error:
            # Also when nothing was sent: else its outcome would be unknown, and it would count as a request.
            self._queue_outcome(failed(intent, error, latency_s=time.monotonic() - started))
            raise
        except ModelError as error:
            self._queue_outcome(failed(intent, error, latency_s=time.monotonic() - started))
            charge(error, add_usage(before, spent(error)))
            raise
        self._queue_outcome(done(intent, answer, latency_s=time.monotonic() - started))
        return answer if before is NO_USAGE else replace(answer, usage=add_usage(before, answer.usage))

    def _queue_outcome(self, outcome: LedgerCall) -> None:
        self._outcomes.append(end_call(self._database, self._holder, outcome))


def request_hash(model_id: str, call: ModelCall) -> str:
    """Return what tells the request from every other."""
    parts = [
        model_id,
        call.role,
        [[message.role, message.content] for message in call.messages],
        call.reply_type.__name__ if call.reply_type else None,
        call.temperature,
        call.max_tokens,
    ]
    return sha256(json.dumps(parts).encode()).hexdigest()
