"""The shape of a request for a fork, with its limits."""

from typing import Self

from pydantic import AliasChoices, Field, JsonValue, model_validator

from gepa_next.api.jobs.metric_shapes import wrong_at
from gepa_next.api.jobs.schemas import LONGEST_URL, Body, BudgetBody, PositiveInt


class ForkBody(Body):
    """What a fork begins with, and what is to be otherwise in it; what is left out is as in the job it is made from."""

    candidate_id: int | None = Field(default=None, ge=0, le=10**9, strict=True)
    event_id: PositiveInt | None = Field(
        default=None, description="Instead of a candidate: all that was known by then."
    )
    target_model_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        validation_alias=AliasChoices("target_model_id", "target_model", "model_id"),
    )
    program_url: str | None = Field(default=None, min_length=1, max_length=LONGEST_URL)
    iterations: PositiveInt | None = None
    population: int | None = Field(default=None, ge=1, le=32, strict=True)
    minibatch: int | None = Field(default=None, ge=1, le=32, strict=True)
    temperature: float | None = Field(default=None, ge=0, le=2, strict=True, description="Not sent if null.")
    max_tokens: PositiveInt | None = Field(default=None, description="Not sent if null.")
    budget: BudgetBody = BudgetBody()
    cache: bool | None = Field(default=None, strict=True, description="If false, nothing is shared either.")
    metadata: dict[str, JsonValue] = Field(default_factory=dict, description="Echoed in the job state.")

    @model_validator(mode="after")
    def _begins_in_one_way(self) -> Self:
        if self.candidate_id is not None and self.event_id is not None:
            raise wrong_at((("event_id",), "not beside a candidate_id: a fork begins with one or the other"))
        return self
