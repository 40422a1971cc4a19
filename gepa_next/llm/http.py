"""Answer model calls over HTTP, with every failure turned into an error of ours that says what it cost."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from gepa_next.errors import Interrupted, ModelError, ProviderError
from gepa_next.gepa.spending import charge
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.llm import faults
from gepa_next.llm.dialect import Dialect, limit_of
from gepa_next.llm.failure import Failure, Fault, Scope, Wait
from gepa_next.llm.probe import probe_of
from gepa_next.llm.provider import Provider
from gepa_next.llm.redaction import redact
from gepa_next.llm.repair import UnreadableReply
from gepa_next.llm.retry import Retry
from gepa_next.llm.structured import read_reply
from gepa_next.llm.text import strip_reasoning
from gepa_next.llm.transport import Answer
from gepa_next.llm.turnstile import Lane
from gepa_next.llm.usage import Bill
from gepa_next.llm.wire import Choice, Question, build_payload, leaves_out, once_more, read_choice, with_room

_REFUSALS = {"content_filter", "refusal", "safety", "prohibited_content"}


def _key_of(call: ModelCall) -> str:
    return call.key


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpModel:
    """A model at a provider. `request_id` names a call for ever and for this deployment alone.

    `proven` says whether it has answered before, in another process; it is looked at when a request is refused.
    `wait` may raise Interrupted or ProviderError to end a call between two tries, `permit` before each of them and
    while it waits for its turn in the `lane`.
    """

    provider: Provider
    model_id: str
    request_id: Callable[[ModelCall], str] = _key_of
    proven: Callable[[], bool] = lambda: False
    wait: Callable[[float], None] = time.sleep
    permit: Callable[[], None] = lambda: None
    lane: Lane = field(default_factory=Lane)
    note_retry: Callable[[Role, str], None] = lambda _role, _fault: None

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
        self._ask_in_its_dialect(call, probe_of(call, self.model_id), bill)

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
        choice = self._ask_in_its_dialect(call, question, bill, more_than=more_than)
        if choice.refusal or choice.finish_reason in _REFUSALS:
            raise Failure(faults.REFUSED, choice.refusal[:200] or choice.finish_reason)
        text = strip_reasoning(choice.text)
        if text != choice.text:
            bill.flag("reasoning_stripped")
        cut = choice.finish_reason == "length" and not _can_use_a_part(call)
        if not text.strip() and not cut:
            raise Failure(faults.EMPTY, f"finish_reason {choice.finish_reason}")
        return replace(choice, text=text)

    def _ask_in_its_dialect(self, call: ModelCall, question: Question, bill: Bill, *, more_than: int = 0) -> Choice:
        """Ask, leaving out what the model turns out not to take; that is remembered when it answers.

        Nothing is sent with a limit that is not `more_than` so many tokens.
        """
        dialects = self.provider.dialects
        dialect = dialects.get_dialect(self.model_id)
        while True:
            payload = build_payload(question, dialect)
            limit = limit_of(payload)
            if limit is not None and limit <= more_than:
                raise Failure(faults.TRUNCATED, f"at {limit} tokens, and the model takes no more")
            if leaves_out(question, dialect):
                bill.flag("parameter_left_out")
            try:
                choice = self._send(call, question, payload, bill)
            except Failure as failure:
                if roomier := with_room(question, payload, failure):
                    question = roomier
                elif simpler := self._simpler(dialect, payload, failure):
                    dialect = simpler
                else:
                    raise
            else:
                dialects.learn(self.model_id, dialect)
                return replace(choice, max_tokens=limit)

    def _simpler(self, dialect: Dialect, payload: Mapping[str, object], failure: Failure) -> Dialect | None:
        if failure.fault not in {faults.BAD_REQUEST, faults.NO_MODEL}:
            return None
        unexplained = failure.fault is faults.BAD_REQUEST
        guess = unexplained and not self.provider.dialects.has_answered(self.model_id, dialect.form)
        return dialect.without(payload, failure.complaint, guess=guess)

    def _send(self, call: ModelCall, question: Question, payload: Mapping[str, object], bill: Bill) -> Choice:
        """Return the answer to one request, sent as often as the fault table allows."""
        turn = self.lane.turn()

        def send(fresh: bool) -> Choice:  # noqa: FBT001  # the retry loop's signature
            once = partial(self._send_once, call, question, payload, bill, fresh=fresh)
            return self.lane.through(turn, once, self.permit)

        retry = Retry(
            budget=self.provider.retry_budget,
            wait=self.wait,
            say_late=self.lane.say_late,
            note_retry=lambda fault: self.note_retry(call.role, fault.code),
        )
        choice = retry(send)
        self.provider.dialects.note_answer(self.model_id, payload)
        bill.add(choice.usage, question.messages, choice.text)
        for word in choice.flags:
            bill.flag(word)
        return choice

    def _read(self, answer: Answer, asked: Sequence[str]) -> Choice:
        return read_choice(answer, key=self.provider.endpoint.api_key, asked=asked)

    def _advice(self, fault: Fault) -> str:
        return fault.advice

    def _send_once(
        self, call: ModelCall, question: Question, payload: Mapping[str, object], bill: Bill, *, fresh: bool
    ) -> Choice:
        bill.sends += 1
        try:
            answer = self.provider.send(payload, request_id=self.request_id(call), fresh=fresh, permit=self.permit)
            bill.add_repeated(answer.repeated, question.messages)
            return self._read(answer, [message.content for message in question.messages])
        except (Interrupted, ProviderError):
            bill.sends -= 1  # nothing was sent
            raise
        except Failure as failure:
            if failure.fault in faults.NOTHING_SENT:
                bill.sends -= 1  # as above
            bill.add_repeated(failure.repeated, question.messages)
            bill.add_failed(failure.usage, question.messages, perhaps=failure.fault.billed)
            raise

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
