"""Call programs of the user's own: an HTTP endpoint that gets components and an input, and answers with an output."""

import json
import math
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from weakref import WeakValueDictionary

from gepa_next.errors import ProviderError
from gepa_next.gepa.replies import ProgramReply
from gepa_next.gepa.types import Completion, ModelCall
from gepa_next.llm import faults
from gepa_next.llm.failure import Failure, Fault, Scope
from gepa_next.llm.http import HttpModel
from gepa_next.llm.peers import Admits
from gepa_next.llm.pricing import FREE, Prices
from gepa_next.llm.program_urls import ProgramEndpoint, ProgramUrls
from gepa_next.llm.provider import Provider
from gepa_next.llm.structured import read_reply
from gepa_next.llm.text import clean_text, clean_value
from gepa_next.llm.throttle import Throttle
from gepa_next.llm.transport import Answer, Transport
from gepa_next.llm.usage import Bill
from gepa_next.llm.wire import Choice, Question, read_object

LONGEST_REMARK = 20_000  # characters kept of a feedback, and of a trace
QUOTED_SCORE = 40
NO_TOKENS = {
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "cost": 0.0,
}  # of ours: what it spends itself is not known here


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramModel(HttpModel):
    """A program as a LanguageModel: under the same deadlines, retries and turns, with answers of its own shape."""

    def _complete(self, call: ModelCall, bill: Bill) -> Completion:
        given, example_input = (message.content for message in call.messages)
        payload = {**json.loads(given), "input": example_input}
        # Without messages, so that none of its tokens are counted as ours.
        choice = self.send(call, Question(model_id=self.model_id, messages=()), payload, bill)
        reply = read_reply(choice.text, ProgramReply)
        return Completion(text=choice.text, reply=reply, usage=bill.usage, flags=tuple(bill.flags))

    def _probe(self, call: ModelCall, bill: Bill) -> None:  # noqa: ARG002  # as it is for a model
        raise Failure(faults.BAD_REQUEST, "nobody knows what else to send to a program")

    def _read(self, answer: Answer, asked: Sequence[str]) -> Choice:
        """Return the answer as one line of JSON in the shape of ProgramReply: what the ledger keeps."""
        reply = read_program_reply(answer, asked)
        text = json.dumps(asdict(reply), ensure_ascii=False, allow_nan=False)
        return Choice(text=text, finish_reason="stop", refusal="", usage=NO_TOKENS)

    def _advice(self, fault: Fault) -> str:
        if fault is faults.FORBIDDEN_ADDRESS:
            return fault.advice
        if fault.scope is Scope.JOB:
            return "Mend the program or its address, then resume the job."
        return "A program must answer in time, with a JSON object that has an output."


class Programs:
    """The programs that the jobs of a process call; what is known of each is shared as long as a job calls it."""

    def __init__(
        self,
        urls: ProgramUrls,
        *,
        admits: Admits,
        timeout_s: float,
        connections: int,
        most_at_once: int,
        ca_file: str = "",
    ) -> None:
        self._urls = urls
        self._most_at_once = most_at_once
        self._transport = Transport(timeout_s=timeout_s, connections=connections, ca_file=ca_file, admits=admits)
        self._lock = threading.Lock()
        self._called: WeakValueDictionary[str, Provider] = WeakValueDictionary()

    def provider(self, url: str) -> Provider:
        """Return what calls the program; ProviderError if it is not allowed here, or not any more."""
        if not self._urls.allows(url):
            message = f"{url} is not among the programs that this server may call (PROGRAM_URLS)"
            raise ProviderError("program_not_allowed", message, sends=0, cost_usd=0.0)
        with self._lock:
            found = self._called.get(url)
            if found is None:
                found = self._called[url] = Provider(
                    ProgramEndpoint(url),
                    transport=self._transport,
                    prices=Prices({url: FREE}),
                    throttle=Throttle(self._most_at_once),
                )
            return found


def read_program_reply(answer: Answer, asked: Sequence[str]) -> ProgramReply:
    """Return what a good answer to these texts says; raise the Failure that it shows instead."""
    body = read_object(answer, asked=asked, load=_load)
    output = body.get("output")
    if not isinstance(output, str):
        raise Failure(faults.MALFORMED, "there is no output, which must be a text")
    try:
        return ProgramReply(
            output=clean_text(output),
            score=_number_or_words(body.get("score")),
            feedback=_remark(body.get("feedback")),
            trace=_remark(body.get("trace")),
        )
    except RecursionError as error:
        raise Failure(faults.MALFORMED, "the answer is nested too deeply") from error


def _load(text: str) -> object:
    # What is no number of JSON becomes a word, which is no score either.
    return json.loads(text, parse_constant=str, parse_float=_float_or_words)


def _float_or_words(number: str) -> float | str:
    value = float(number)
    return value if math.isfinite(value) else number[:QUOTED_SCORE]


def _number_or_words(score: object) -> object:
    """Return a number, or nothing, as it is, and whatever else was stated in a few words: it is no score."""
    if score is None or (isinstance(score, int | float) and not isinstance(score, bool)):
        return score
    return (clean_text(score) if isinstance(score, str) else json.dumps(score))[:QUOTED_SCORE]


def _remark(value: object) -> str:
    """Return a text as it is and any other value as JSON, cut where it is too long."""
    if value is None:
        return ""
    text = clean_text(value) if isinstance(value, str) else json.dumps(clean_value(value), ensure_ascii=False)
    return text[:LONGEST_REMARK]
