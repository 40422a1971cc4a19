"""Answer model calls over HTTP, with every failure turned into an error of ours that says what it cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gepa_next.errors import Interrupted, ModelError, ProviderError
from gepa_next.gepa.spending import charge
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.llm import faults
from gepa_next.llm.asker import Asker
from gepa_next.llm.failure import Failure, Fault, Scope, Wait
from gepa_next.llm.probe import probe_of
from gepa_next.llm.redaction import redact
from gepa_next.llm.repair import UnreadableReply
from gepa_next.llm.structured import read_reply
from gepa_next.llm.text import strip_reasoning
from gepa_next.llm.usage import Bill
from gepa_next.llm.wire import Choice, Question, once_more

_REFUSALS = {"content_filter", "refusal", "safety", "prohibited_content"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpModel(Asker):
    """A model at a provider; `proven` says whether it has answered before, in another process.

    That is looked at when a request is refused.
    """

    proven: Callable[[], bool] = lambda: False

    def __call__(self, call: ModelCall, /) -> Completion:
        """Return the answer, read as the call's reply type if it has one; ModelError when there is none."""
        bill = Bill(self.model_id, self.provider.prices)
        try:
            return self._complete_or_explain(call, bill)
        except Failure as failure:
            raise self._error(failure, bill) from failure
        except (Interrupted, ProviderError) as stop:  # of `wait` or `permit`
            charge(stop, bill.usage)
            raise

    def _complete_or_explain(self, call: ModelCall, bill: Bill) -> Completion:
        try:
            return self._complete(call, bill)
        except Failure as refusal:
            if refusal.fault is not faults.BAD_REQUEST:
                raise
            raise self._explained(refusal, call, bill) from refusal

    def _explained(self, refusal: Failure, call: ModelCall, bill: Bill) -> Failure:
        """Return what a refusal shows: one by a model that answers something else is about this request."""
        try:
            self._see_that_it_answers(call, bill)
        except Failure as failure:
            return failure if _tells_more(failure.fault) else refusal
        return Failure(faults.ODD_REQUEST, refusal.detail)

    def _see_that_it_answers(self, call: ModelCall, bill: Bill) -> None:
        """Raise Failure if the model is not known to have answered and does not answer the simplest question."""
        if self._has_answered() or self.proven():
            return
        with self.provider.probing.alone(self.model_id, permit=self.permit, aside=self.lane.traffic.aside):
            if not self._has_answered():  # by now
                self._probe(call, bill)

    def _has_answered(self) -> bool:
        return self.provider.dialects.has_answered(self.model_id)

    def _probe(self, call: ModelCall, bill: Bill) -> None:
        self.ask_in_its_dialect(call, probe_of(call, self.model_id), bill)

    def _complete(self, call: ModelCall, bill: Bill) -> Completion:
        question = Question(
            model_id=self.model_id,
            messages=call.messages,
            reply_type=call.reply_type,
            temperature=call.temperature,
            max_tokens=call.max_tokens,
        )
        try:
            question, choice = self._ask_for_the_whole(call, question, bill)
        except Failure as failure:
            if failure.fault is not faults.MALFORMED_REPLY or call.reply_type is None:
                raise  # else the provider has read the reply, and refused it
            return self._ask_again(call, call.reply_type, once_more(question, "", failure.detail), bill)
        if call.reply_type is None:
            return _completion(choice, None, bill)
        try:
            return _completion(choice, read_reply(choice.text, call.reply_type, flag=bill.flag), bill)
        except UnreadableReply as error:
            return self._ask_again(call, call.reply_type, once_more(question, choice.text, str(error)), bill)

    def _ask_again(self, call: ModelCall, reply_type: type, question: Question, bill: Bill) -> Completion:
        """Return the reply to the second question, which is the last."""
        bill.flag("asked_again")
        choice = self._ask(call, question, bill)
        if choice.finish_reason == "length":
            raise Failure(faults.TRUNCATED, "the reply to the second question")
        try:
            return _completion(choice, read_reply(choice.text, reply_type, flag=bill.flag), bill)
        except UnreadableReply as error:
            raise Failure(faults.MALFORMED_REPLY, str(error)) from error

    def _ask_for_the_whole(self, call: ModelCall, question: Question, bill: Bill) -> tuple[Question, Choice]:
        """Ask, and once more with twice the tokens where a part of the answer would be no use."""
        choice = self._ask(call, question, bill)
        if choice.finish_reason != "length" or _can_use_a_part(call):
            return question, choice
        if question.max_tokens is None:
            raise Failure(faults.TRUNCATED, "at the model's own limit")
        question = replace(question, max_tokens=question.max_tokens * 2)
        try:
            choice = self._ask(call, question, bill, more_than=choice.max_tokens or 0)
        except Failure as failure:
            if failure.fault not in {faults.BAD_REQUEST, faults.CONTEXT_LENGTH}:
                raise
            raise Failure(faults.TRUNCATED, f"and {question.max_tokens} tokens are refused") from failure
        if choice.finish_reason == "length":
            raise Failure(faults.TRUNCATED, f"at {question.max_tokens} tokens")
        return question, choice

    def _ask(self, call: ModelCall, question: Question, bill: Bill, *, more_than: int = 0) -> Choice:
        """Return the text of one answer, without reasoning before it; Failure when there is none.

        None is left of an answer that came to its limit while it reasoned: that is cut, as any other is.
        """
        choice = self.ask_in_its_dialect(call, question, bill, more_than=more_than)
        if choice.refusal or choice.finish_reason in _REFUSALS:
            raise Failure(faults.REFUSED, choice.refusal[:200] or choice.finish_reason)
        text = strip_reasoning(choice.text)
        if text != choice.text:
            bill.flag("reasoning_stripped")
        cut = choice.finish_reason == "length" and not _can_use_a_part(call)
        if not text.strip() and not cut:
            raise Failure(faults.EMPTY, f"finish_reason {choice.finish_reason}")
        return replace(choice, text=text)

    def _advice(self, fault: Fault) -> str:
        return fault.advice

    def _error(self, failure: Failure, bill: Bill) -> ModelError:
        fault, detail = failure.fault, failure.detail
        if failure.retry_after_s is not None:
            detail = f"asked to wait {failure.retry_after_s:.0f} s; {detail}"
        detail = redact(detail, self.provider.endpoint.api_key)
        kind = ProviderError if (failure.ends or fault.scope) is Scope.JOB else ModelError
        error = kind(fault.code, f"{self.model_id}: {fault.name} ({detail}). {self._advice(fault)}")
        charge(error, bill.usage)
        return error


def _can_use_a_part(call: ModelCall) -> bool:
    """Say whether an answer to the call that breaks off is an answer all the same."""
    return call.role is Role.TARGET and call.reply_type is None


def _tells_more(fault: Fault) -> bool:
    """Say whether what befell the simplest question is more than another refusal."""
    return fault.wait is not Wait.NONE or (fault.scope is Scope.JOB and fault is not faults.BAD_REQUEST)


def _completion(choice: Choice, reply: object, bill: Bill) -> Completion:
    if choice.finish_reason == "length":
        bill.flag("truncated")
    return Completion(
        text=choice.text, reply=reply, finish_reason=choice.finish_reason, usage=bill.usage, flags=tuple(bill.flags)
    )
