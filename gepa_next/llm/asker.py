"""Ask a model one question: in its dialect, in turn with others, and as often as the fault table allows."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from gepa_next.errors import Interrupted, ProviderError
from gepa_next.gepa.types import ModelCall, Role
from gepa_next.llm import faults
from gepa_next.llm.dialect import Dialect, limit_of
from gepa_next.llm.failure import Failure
from gepa_next.llm.provider import Provider
from gepa_next.llm.retry import Retry
from gepa_next.llm.transport import Answer
from gepa_next.llm.turnstile import Lane
from gepa_next.llm.usage import Bill
from gepa_next.llm.wire import Choice, Question, build_payload, leaves_out, read_choice, with_room


def _key_of(call: ModelCall) -> str:
    return call.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Whoever asks a model at a provider. `request_id` names a call for ever and for this deployment alone.

    `wait` may raise Interrupted or ProviderError to end a call between two tries, `permit` before each of them and
    while it waits for its turn in the `lane`.
    """

    provider: Provider
    model_id: str
    request_id: Callable[[ModelCall], str] = _key_of
    wait: Callable[[float], None] = time.sleep
    permit: Callable[[], None] = lambda: None
    lane: Lane = field(default_factory=Lane)
    note_retry: Callable[[Role, str], None] = lambda _role, _fault: None

    def ask_in_its_dialect(self, call: ModelCall, question: Question, bill: Bill, *, more_than: int = 0) -> Choice:
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
                choice = self.send(call, question, payload, bill)
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

    def send(self, call: ModelCall, question: Question, payload: Mapping[str, object], bill: Bill) -> Choice:
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
