"""Turn tokens into dollars by the operator's table; a model that is not in it has no price."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

TOKENS_PER_PRICE = 1_000_000
# Providers of which it is known whether their answers state a cost in `usage.cost`.
STATES_COST: Mapping[str, bool] = MappingProxyType({"openrouter.ai": True, "api.openai.com": False})


def states_cost(base_url: str) -> bool | None:
    """Say whether the endpoint's answers state what a call costs, None where that is not known."""
    return STATES_COST.get((urlsplit(base_url).hostname or "").removesuffix("."))


@dataclass(frozen=True, slots=True)
class Price:
    """What a model charges, in USD per million tokens."""

    input: float
    output: float

    def __post_init__(self) -> None:
        stated: dict[str, object] = {"input": self.input, "output": self.output}
        for name, value in stated.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ValueError(f"the {name} price must be a number of USD per million tokens, 0 or more")

    def cost_usd(self, *, input_tokens: int, output_tokens: int) -> float:
        """Return what the tokens cost."""
        return (input_tokens * self.input + output_tokens * self.output) / TOKENS_PER_PRICE


FREE = Price(input=0.0, output=0.0)


@dataclass(frozen=True, slots=True)
class Prices:
    """The operator's price table, by model id as it is sent."""

    by_model: Mapping[str, Price] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, table: Mapping[str, object]) -> "Prices":
        """Read {model: {"input": USD, "output": USD}} per million tokens; ValueError names the model."""
        prices: dict[str, Price] = {}
        for model_id, row in table.items():
            if not isinstance(row, Mapping) or set(row) != {"input", "output"}:
                raise ValueError(f"the price of {model_id} must have exactly the keys input and output")
            try:
                prices[model_id] = Price(input=row["input"], output=row["output"])
            except ValueError as error:
                raise ValueError(f"{model_id}: {error}") from None
        return cls(MappingProxyType(prices))

    def cost_usd(self, model_id: str, *, input_tokens: int, output_tokens: int) -> float | None:
        """Return what the tokens cost, or None when the model has no price."""
        price = self.by_model.get(model_id)
        return None if price is None else price.cost_usd(input_tokens=input_tokens, output_tokens=output_tokens)
