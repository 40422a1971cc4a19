"""Count what a call consumed, from what the provider says of it when that can be believed."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gepa_next.gepa.types import CallUsage, Message
from gepa_next.llm.pricing import Prices

MOST_TOKENS = 10**7
MOST_COST_USD = 10**4
CHARS_PER_TOKEN = 4


def estimate_tokens(text: str) -> int:
    """Return a rough count of tokens: a quarter of the characters."""
    return min(-(-len(text) // CHARS_PER_TOKEN), MOST_TOKENS)


def estimate_input_tokens(messages: Iterable[Message]) -> int:
    """Return a rough count of the tokens that the messages are."""
    return sum(estimate_tokens(message.content) for message in messages)


def clean_tokens(value: object) -> int | None:
    """Return a count of tokens that can be believed, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MOST_TOKENS and value == int(value) else None


def clean_cost_usd(value: object) -> float | None:
    """Return a cost that can be believed, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MOST_COST_USD and math.isfinite(value) else None


@dataclass(slots=True)
class Bill:
    """What one call has consumed so far, every request counted; owned by the thread that makes the call."""

    model_id: str
    prices: Prices
    sends: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    doubtful: int = 0
    flags: list[str] = field(default_factory=list)
    _cost_usd: float = 0.0
    _unknown: bool = False

    def flag(self, word: str) -> None:
        """Note something about the call, once."""
        if word not in self.flags:
            self.flags.append(word)

    def add(self, usage: Mapping[str, object], messages: Iterable[Message], text: str) -> None:
        """Add an answered request: the provider's figures, estimates in their place where they cannot be."""
        if not self._is_charged_as_said(usage, messages, text):
            self._unknown = True

    def add_failed(self, usage: Mapping[str, object], messages: Iterable[Message], *, perhaps: bool) -> None:
        """Add a request that failed: the provider's figures, without any its input if it was perhaps charged."""
        if usage:
            self.doubtful += not self._is_charged_as_said(usage, messages, "")
        elif perhaps:
            self.flag("possibly_billed")
            self.doubtful += not self._is_charged(estimate_input_tokens(messages), 0)

    def add_repeated(self, times: int, messages: Sequence[Message]) -> None:
        """Add requests whose senders died before there was an answer: each was perhaps charged."""
        self.sends += times
        for _ in range(times):
            self.add_failed({}, messages, perhaps=True)

    @property
    def usage(self) -> CallUsage:
        """Return the sums; the cost is None as soon as one answer came without."""
        return CallUsage(
            sends=self.sends,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=None if self._unknown else self._cost_usd,
            doubtful=self.doubtful,
        )

    def _is_charged_as_said(self, usage: Mapping[str, object], messages: Iterable[Message], text: str) -> bool:
        sent, got = clean_tokens(usage.get("prompt_tokens")), clean_tokens(usage.get("completion_tokens"))
        if sent is None or got is None:
            self.flag("usage_estimated")
        sent = estimate_input_tokens(messages) if sent is None else sent
        got = estimate_tokens(text) if got is None else got
        return self._is_charged(sent, got, stated=clean_cost_usd(usage.get("cost")))

    def _is_charged(self, sent: int, got: int, *, stated: float | None = None) -> bool:
        """Count the tokens, and add what they cost; False if nobody knows that."""
        self.input_tokens += sent
        self.output_tokens += got
        priced = self.prices.cost_usd(self.model_id, input_tokens=sent, output_tokens=got)
        cost_usd = priced if stated is None else stated
        self._cost_usd += cost_usd or 0.0
        return cost_usd is not None
