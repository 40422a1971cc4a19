"""Spending: what each role has consumed, and what one more call of it may cost at worst."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gepa_next.errors import Interrupted, ModelError
from gepa_next.gepa.types import CallUsage, Role

WORST_OF_DEAREST = 2  # a call to come is taken to cost at most so many times the dearest of its role so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the calls of one role consumed. `cost_usd` is the known part.

    `priced` calls were answered at a known cost, `unpriced` ones without; `doubtful` requests got no answer, and
    may have been paid all the same. `most_tokens` and `most_cost_usd` are of the dearest single call, its retries
    included. A call that was answered from elsewhere, or refused for nothing, is none of these.
    """

    sends: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    priced: int = 0
    unpriced: int = 0
    doubtful: int = 0
    most_tokens: int = 0
    most_cost_usd: float = 0.0

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    @property
    def answered(self) -> bool:
        """Whether a call has shown what one takes."""
        return bool(self.priced or self.unpriced)

    @property
    def likely_cost_usd(self) -> float | None:
        """The cost with all that is unknown of it taken for the dearest call, None if no answer has a price."""
        if self.unpriced and not self.priced:
            return None
        return self.cost_usd + (self.unpriced + self.doubtful) * self.most_cost_usd


Spending = Mapping[Role, Spent]

NO_USAGE = CallUsage(sends=0, cost_usd=0.0)
NOTHING_SPENT: Spending = MappingProxyType({})
NEVER_ASKED = Spent()


def add_usage(one: CallUsage, other: CallUsage) -> CallUsage:
    """Return the sum; a cost that is unknown makes the sum unknown."""
    unknown = one.cost_usd is None or other.cost_usd is None
    return CallUsage(
        sends=one.sends + other.sends,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd=None if unknown else (one.cost_usd or 0.0) + (other.cost_usd or 0.0),
        doubtful=one.doubtful + other.doubtful,
    )


def charge(error: ModelError | Interrupted, usage: CallUsage) -> None:
    """Have the error say that its call has consumed this."""
    error.sends, error.cost_usd, error.doubtful = usage.sends, usage.cost_usd, usage.doubtful
    error.input_tokens, error.output_tokens = usage.input_tokens, usage.output_tokens


def spent_on(role: Role, usage: CallUsage) -> Spending:
    """Return the spending that one call is."""
    cost_usd = usage.cost_usd or 0.0
    tokens = usage.input_tokens + usage.output_tokens
    return {
        role: Spent(
            sends=usage.sends,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=cost_usd,
            priced=int(usage.priced),
            unpriced=int(usage.cost_usd is None),
            doubtful=usage.doubtful,
            most_tokens=tokens,
            most_cost_usd=cost_usd,
        )
    }


def spent_by(role: Role, error: ModelError) -> Spending:
    """Return what a failed call consumed."""
    used = CallUsage(
        sends=error.sends,
        input_tokens=error.input_tokens,
        output_tokens=error.output_tokens,
        cost_usd=error.cost_usd,
        doubtful=error.doubtful,
    )
    return spent_on(role, used)


def add_spending(one: Spending, other: Spending) -> Spending:
    """Return the sum by role."""
    if not one or not other:
        return one or other
    return {role: _sum(one.get(role, NEVER_ASKED), other.get(role, NEVER_ASKED)) for role in {**one, **other}}


def _sum(one: Spent, other: Spent) -> Spent:
    return Spent(
        sends=one.sends + other.sends,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd=one.cost_usd + other.cost_usd,
        priced=one.priced + other.priced,
        unpriced=one.unpriced + other.unpriced,
        doubtful=one.doubtful + other.doubtful,
        most_tokens=max(one.most_tokens, other.most_tokens),
        most_cost_usd=max(one.most_cost_usd, other.most_cost_usd),
    )


def sends(spending: Spending) -> int:
    """Return how many requests were sent, retries included."""
    return sum(each.sends for each in spending.values())


def cost_usd(spending: Spending) -> float | None:
    """Return what it all cost, None as soon as a part of it is unknown."""
    if any(each.unpriced or each.doubtful for each in spending.values()):
        return None
    return sum(each.cost_usd for each in spending.values())


def by_role(spending: Spending) -> dict[str, dict[str, float | None]]:
    """Return what each role asked consumed, as events tell it."""
    return {
        str(role): {
            "calls": each.sends,
            "input_tokens": each.input_tokens,
            "output_tokens": each.output_tokens,
            "cost_usd": cost_usd({role: each}),
        }
        for role, each in sorted(spending.items())
    }


def most_tokens(spending: Spending, calls: Mapping[Role, int]) -> int:
    """Return the tokens spent when so many more calls have been made, each at its role's worst."""
    now = sum(each.tokens for each in spending.values())
    return now + sum(
        WORST_OF_DEAREST * number * spending.get(role, NEVER_ASKED).most_tokens for role, number in calls.items()
    )


def most_cost_usd(spending: Spending, calls: Mapping[Role, int]) -> float | None:
    """Return the USD spent when so many more calls have been made, each at its role's worst; None if unknown."""
    costs = [each.likely_cost_usd for each in spending.values()]
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return None
    return sum(known) + sum(
        WORST_OF_DEAREST * number * spending.get(role, NEVER_ASKED).most_cost_usd for role, number in calls.items()
    )
