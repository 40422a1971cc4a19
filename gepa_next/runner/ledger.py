"""The ledger in front of the models: what was answered once is never asked again."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from gepa_next.errors import Interrupted, ModelError, ProviderError, StoreError, UnavailableError
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.types import CallUsage, Completion, ModelCall, Role
from gepa_next.llm.structured import read_reply
from gepa_next.models import LedgerCall
from gepa_next.runner.brake import LOOK_S
from gepa_next.runner.tenure import Tenure
from gepa_next.store.ledger import begin_call, end_call
from gepa_next.store.runs import record_waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleModel:
    """The model that plays a role."""

    model_id: str
    ask: LanguageModel


class LedgerModel:
    """A LanguageModel that writes intent before and outcome after each call, and replays outcomes."""

    def __init__(
        self,
        tenure: Tenure,
        models: Mapping[Role, RoleModel],
        *,
        clock: Callable[[], float],
        brake: Callable[[], str | None],
    ) -> None:
        self._tenure = tenure
        self._database = tenure.database
        self._holder = tenure.holder
        self._models = models
        self._clock = clock
        self._brake = brake
        self._waits = 0
        self._waiting_lock = threading.Lock()
        self._says_so = False

    def __call__(self, call: ModelCall, /) -> Completion:
        """Return the answer, from the ledger if it is there; Interrupted once the job is not ours."""
        self._wait_for_the_brake()
        model = self._models[call.role]
        intent = LedgerCall(
            key=call.key,
            role=call.role,
            model_id=model.model_id,
            request_sha256=_request_hash(model.model_id, call),
            attempts=1,
            status="started",
        )
        before = self._tenure.clock()
        earlier = begin_call(self._database, self._holder, intent, now=self._clock())
        self._tenure.prove(before)  # not after: a freeze in between would make an old proof look new
        return _replayed(call, earlier) if earlier is not None else self._asked(model.ask, call, intent)

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
                self._database, holder.job_id, epoch=holder.epoch, nth=self._waits, reason=reason, now=self._clock()
            )

    def _asked(self, ask: LanguageModel, call: ModelCall, intent: LedgerCall) -> Completion:
        started = time.monotonic()
        try:
            answer = ask(call)
        except Interrupted as error:
            # Also when nothing was sent: else its outcome would be unknown, and it would count as a request.
            self._write_outcome(_failed(intent, error, latency_s=time.monotonic() - started))
            raise
        except ModelError as error:
            used = self._write_outcome(_failed(intent, error, latency_s=time.monotonic() - started))
            error.sends, error.cost_usd = used.sends, used.cost_usd
            error.input_tokens, error.output_tokens = used.input_tokens, used.output_tokens
            raise
        return replace(answer, usage=self._write_outcome(_done(intent, answer, latency_s=time.monotonic() - started)))

    def _write_outcome(self, outcome: LedgerCall) -> CallUsage:
        """Write what was paid for, waiting for a store that cannot be written just now; return the call's usage.

        The usage is that of the ledger, refused attempts of before included: what a replay will find.
        """
        while True:
            try:
                return end_call(self._database, self._holder, outcome)
            except (StoreError, UnavailableError):
                if self._tenure.let_go.wait(LOOK_S):
                    raise


def _request_hash(model_id: str, call: ModelCall) -> str:
    parts = [
        model_id,
        call.role,
        [[message.role, message.content] for message in call.messages],
        call.reply_type.__name__ if call.reply_type else None,
        call.temperature,
        call.max_tokens,
    ]
    return sha256(json.dumps(parts).encode()).hexdigest()


def _done(intent: LedgerCall, answer: Completion, *, latency_s: float) -> LedgerCall:
    usage = answer.usage
    return replace(
        intent,
        status="done",
        text=answer.text,
        finish_reason=answer.finish_reason,
        flags=answer.flags,
        latency_s=latency_s,
        sends=usage.sends,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd,
    )


def _failed(intent: LedgerCall, error: ModelError | Interrupted, *, latency_s: float) -> LedgerCall:
    return replace(
        intent,
        status="refused" if isinstance(error, ProviderError | Interrupted) else "failed",
        error_code=error.code,
        error_message=error.message,
        latency_s=latency_s,
        sends=error.sends,
        input_tokens=error.input_tokens,
        output_tokens=error.output_tokens,
        cost_usd=error.cost_usd,
    )


def _replayed(call: ModelCall, earlier: LedgerCall) -> Completion:
    if earlier.status == "failed":
        raise ModelError(
            earlier.error_code or "failed",
            earlier.error_message or "",
            sends=earlier.sends,
            input_tokens=earlier.input_tokens,
            output_tokens=earlier.output_tokens,
            cost_usd=earlier.cost_usd,
        )
    usage = CallUsage(
        sends=earlier.sends,
        input_tokens=earlier.input_tokens,
        output_tokens=earlier.output_tokens,
        cost_usd=earlier.cost_usd,
    )
    text = earlier.text or ""
    return Completion(
        text=text,
        reply=read_reply(text, call.reply_type) if call.reply_type else None,
        finish_reason=earlier.finish_reason or "stop",
        usage=usage,
        flags=earlier.flags,
    )
