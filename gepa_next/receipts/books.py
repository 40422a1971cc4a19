"""The totals of a receipt, reckoned again from the ledger."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import fsum, isclose
from typing import Any

from gepa_next.receipts.check import Check

CLOSE = 1e-9  # sums of floats depend on their order


@dataclass(slots=True)
class Total:
    """What the calls of one role add up to; `unknown` says that a part of the cost is."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    known_costs: list[float] = field(default_factory=list)
    unpriced: bool = False
    unknown: bool = False

    def agrees_with(self, usage: dict[str, Any]) -> bool:
        """Say whether the receipt's usage of the role is this; a cost that a later attempt hid is not seen here."""
        counts = (self.calls, self.input_tokens, self.output_tokens)
        if counts != (usage["calls"], usage["input_tokens"], usage["output_tokens"]):
            return False
        known = fsum(self.known_costs)
        same = isclose(known, usage["known_cost_usd"], rel_tol=CLOSE, abs_tol=CLOSE)
        return (usage["cost_usd"] is None) == self.unknown and (same or self.unpriced)


class Ledger:
    """Adds up the calls of a ledger by role."""

    def __init__(self, receipt: dict[str, Any]) -> None:  # Any: its JSON
        self._usage = receipt["usage"]
        self._totals: defaultdict[str, Total] = defaultdict(Total)

    def read(self, line: bytes) -> None:
        """Take in one call."""
        call = json.loads(line)
        if not call["sends"] and not call["lost"]:
            return
        total = self._totals[call["role"]]
        total.calls += call["sends"] + call["lost"]
        total.input_tokens += call["input_tokens"]
        total.output_tokens += call["output_tokens"]
        total.unpriced |= call["cost_usd"] is None
        perhaps_paid = call["doubtful"] + (0 if call["is_free"] else call["lost"])
        total.unknown |= call["cost_usd"] is None or perhaps_paid > 0
        total.known_costs.append(call["cost_usd"] or 0.0)

    def checks(self) -> Iterator[Check]:
        """Yield whether each role's usage is the sum of its calls."""
        for role in sorted({*self._usage, *self._totals}):
            total = self._totals[role]
            usage = self._usage.get(role) or {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
            same = total.agrees_with({"known_cost_usd": 0.0, **usage})
            tokens = total.input_tokens + total.output_tokens
            yield Check(same, f"the {role}'s usage, and {total.calls} requests with {tokens} tokens in the ledger")
