"""The shape of a request for a comparison of targets, with its limits."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from gepa_next.api.jobs.metric_shapes import wrong_at
from gepa_next.api.jobs.schemas import LONGEST_PROMPT, OptimizeBody, TaskBody

FEWEST, MOST = 2, 8
ModelId = Annotated[str, Field(min_length=1, max_length=200)]
OF_ONE_TARGET = ("target_model_id", "target_model", "model_id")
OF_PROGRAMS = ("program_url", "prompts")


class ComparisonBody(TaskBody):
    """A prompt to optimise once for each of several models, on the same examples."""

    prompt: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    target_model_ids: tuple[ModelId, ...] = Field(
        min_length=FEWEST, max_length=MOST, description="The models, passed on verbatim; each makes a job of its own."
    )

    @model_validator(mode="before")
    @classmethod
    def _compares_models(cls, value: object) -> object:
        given = value if isinstance(value, dict) else {}
        said = dict.fromkeys(OF_ONE_TARGET, "not beside target_model_ids")
        said |= dict.fromkeys(OF_PROGRAMS, "a program is one target; models are what is compared")
        if wrong := [((name,), text) for name, text in said.items() if name in given]:
            raise wrong_at(*wrong)
        return value

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("the prompt is empty")
        return value

    @field_validator("target_model_ids")
    @classmethod
    def _are_different(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a model is named twice")
        return value

    def job(self, target_model_id: str) -> OptimizeBody:
        """Return the body of the job for one of the models."""
        given = {name: getattr(self, name) for name in TaskBody.model_fields}
        return OptimizeBody.model_construct(**given, prompt=self.prompt, target_model_id=target_model_id)
