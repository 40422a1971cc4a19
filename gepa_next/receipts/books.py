"""The sums of a receipt, reckoned again: the ledger's totals, and the scores of the held-out test."""

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
        total.unknown |= call["cost_usd"] is None or call["doubtful"] + call["lost"] > 0
        total.known_costs.append(call["cost_usd"] or 0.0)

    def checks(self) -> Iterator[Check]:
        """Yield whether each role's usage is the sum of its calls."""
        for role in sorted({*self._usage, *self._totals}):
            total = self._totals[role]
            usage = self._usage.get(role) or {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
            same = total.agrees_with({"known_cost_usd": 0.0, **usage})
            tokens = total.input_tokens + total.output_tokens
            yield Check(same, f"the {role}'s usage, and {total.calls} requests with {tokens} tokens in the ledger")


class HeldOutTest:
    """Compares the champion with the seed prompt on the test split."""

    def __init__(self, receipt: dict[str, Any]) -> None:  # Any: its JSON
        self._test = (receipt["result"] or {}).get("test")
        self._champion = receipt["champion"]
        self._examples = set(receipt["splits"]["test"]["ids"])
        self._scores: dict[tuple[int, str], float | None] = {}

    def read(self, line: bytes) -> None:
        """Take in one rollout; of two of one candidate on one example the later counts."""
        rollout = json.loads(line)
        if rollout["example_id"] in self._examples:
            self._scores[rollout["candidate_id"], rollout["example_id"]] = rollout["score"]

    def checks(self) -> Iterator[Check]:
        """Yield whether the result's numbers are those of the rollouts; nothing if there was no test."""
        if self._test is None:
            return
        pairs = [(self._scores.get((0, each)), self._scores.get((self._champion, each))) for each in self._examples]
        differences = [score - seed for seed, score in pairs if seed is not None and score is not None]
        wins, losses = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
        counted = (len(differences), wins, losses)
        same = counted == (self._test["n"], self._test["wins"], self._test["losses"])
        mean = fsum(differences) / len(differences) if differences else 0.0
        same = same and isclose(mean, self._test["difference"], abs_tol=CLOSE)
        yield Check(
            same,
            f"the held-out test, and {wins} wins and {losses} losses of candidate {self._champion}"
            f" on {len(differences)} examples with a mean difference of {mean:+.4f}",
        )
