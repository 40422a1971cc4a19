"""The simulator: plays target, judge and reflector without a network, so that everything can be tried offline.

Its scores are simulated and every place that shows them says so. Each of the three knows its messages and nothing
else, so what it shows of the algorithm is honest: a prompt gets better only by what the feedback taught.
"""

import json
import time
from dataclasses import asdict

from gepa_next.errors import ModelError
from gepa_next.gepa.types import CallUsage, Completion, ModelCall, Role
from gepa_next.llm.repair import UnreadableReply
from gepa_next.llm.simulator.judge import judge
from gepa_next.llm.simulator.reflector import reflect
from gepa_next.llm.simulator.target import answer
from gepa_next.llm.structured import read_reply

_CHARACTERS_PER_TOKEN = 4


class Simulator:
    """A LanguageModel that is a pure function of the call; `latency_s` is waited before each answer."""

    def __init__(self, *, latency_s: float = 0.0) -> None:
        self._latency_s = latency_s

    def __call__(self, call: ModelCall) -> Completion:
        """Answer in the call's role; usage is estimated from characters, cost is zero."""
        if self._latency_s:
            time.sleep(self._latency_s)
        text, finish_reason = _cut(_text(call), call.max_tokens)
        usage = CallUsage(
            input_tokens=_tokens("".join(message.content for message in call.messages)),
            output_tokens=_tokens(text),
            cost_usd=0.0,
        )
        reply = None if call.reply_type is None else _reply(text, call.reply_type, usage, finish_reason)
        return Completion(text=text, reply=reply, finish_reason=finish_reason, usage=usage)


def _text(call: ModelCall) -> str:
    if call.role is Role.TARGET:
        return answer(call.messages)
    reply = judge(call.messages) if call.role is Role.JUDGE else reflect(call.messages, call.reply_type)
    return json.dumps(asdict(reply), ensure_ascii=False)


def _cut(text: str, max_tokens: int | None) -> tuple[str, str]:
    most = len(text) if max_tokens is None else max_tokens * _CHARACTERS_PER_TOKEN
    return (text, "stop") if len(text) <= most else (text[:most], "length")


def _reply(text: str, reply_type: type, usage: CallUsage, finish_reason: str) -> object:
    try:
        return read_reply(text, reply_type)
    except UnreadableReply as error:
        raise ModelError(
            "truncated" if finish_reason == "length" else "malformed_reply",
            str(error),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=usage.cost_usd,
        ) from error


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
