"""The shapes of requests, with their limits."""

import re
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    field_validator,
    model_validator,
)

from gepa_next.api.edge.wrong_values import MISSING
from gepa_next.api.jobs.metric_shapes import MetricField, wrong_at

MOST_EXAMPLES = 10_000
LONGEST_PROMPT = 100_000
LONGEST_TEXT = 100_000
LONGEST_URL = 2_000
LONGEST_TAG = 64
MOST_COMPONENTS = 16
ID = re.compile(r"[A-Za-z0-9._:@+-]{1,128}")


def _checked_id(value: str) -> str:
    if not ID.fullmatch(value):
        raise ValueError("an id is 1 to 128 of the characters A-Z a-z 0-9 . _ : @ + -")
    return value


Id = Annotated[str, AfterValidator(_checked_id), Field(json_schema_extra={"pattern": f"^{ID.pattern}$"})]
Tag = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG)]
ComponentName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
PositiveInt = Annotated[int, Field(ge=1, le=10**9, strict=True)]
Score = Annotated[float, Field(ge=0, le=1, strict=True)]
Limit = Annotated[float, Field(gt=0, le=10**9, strict=True)]


class Body(BaseModel):
    """A request body: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)


class ExampleBody(Body):
    """One example."""

    input: str = Field(min_length=1, max_length=LONGEST_TEXT, description="What the target is given.")
    ideal: str | None = Field(
        default=None,
        max_length=LONGEST_TEXT,
        validation_alias=AliasChoices("ideal", "expected", "output"),
        description="The answer hoped for; also `expected` or `output`.",
    )
    id: Id | None = Field(default=None, description="Made from the content if left out.")
    tags: tuple[Tag, ...] = Field(default=(), max_length=32)
    meta: dict[str, JsonValue] = Field(default_factory=dict)


class BankBody(Body):
    """Examples to draw from the example bank."""

    tags: tuple[Tag, ...] = Field(default=(), description="An example must have all of them.")
    limit: int = Field(default=1000, ge=1, le=MOST_EXAMPLES, strict=True)


class ConstraintsBody(Body):
    """What every candidate must satisfy."""

    max_prompt_tokens: int | None = Field(default=None, ge=1, le=10**6, strict=True)
    keep: tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)], ...] = Field(default=(), max_length=32)


class LimitsBody(Body):
    """Limits over all roles; what is left out is unlimited, but `max_rollouts` always becomes a number."""

    max_rollouts: PositiveInt | None = None
    max_calls: PositiveInt | None = None
    max_tokens: PositiveInt | None = None
    max_cost_usd: Limit | None = None
    max_seconds: Limit | None = None


class BudgetBody(LimitsBody):
    """Limits, and what else ends a job's iterations."""

    target_score: Score | None = Field(default=None, description="Stop when the best reaches it; 1.0 if left out.")
    patience: PositiveInt | None = Field(default=None, description="Stop after so many iterations without a new best.")


def _checked_share(value: object) -> int | float:
    # One check and not a union of two types: its error names the field once.
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_EXAMPLES:
        return value
    if isinstance(value, float) and 0 <= value <= 1:
        return value
    raise ValueError(f"a count (a whole number from 0 to {MOST_EXAMPLES}) or a fraction (from 0.0 to 1.0)")


SplitNumber = Annotated[
    int | float,
    PlainValidator(
        _checked_share,
        json_schema_input_type=Annotated[int, Field(ge=0, le=MOST_EXAMPLES)] | Annotated[float, Field(ge=0, le=1)],
    ),
]


class SplitBody(Body):
    """Counts (whole numbers) or fractions (adding up to 1) of the examples."""

    train: SplitNumber
    val: SplitNumber
    test: SplitNumber = 0


class TaskBody(Body):
    """What to optimise a prompt on, and within which limits, whatever the target."""

    examples: tuple[ExampleBody, ...] = Field(default=(), max_length=MOST_EXAMPLES)
    bank: BankBody | None = None
    rubric: str = Field(
        default="",
        max_length=LONGEST_TEXT,
        validation_alias=AliasChoices("rubric", "evaluation_rubric"),
        description="What the judge should look for; also `evaluation_rubric`.",
    )
    metric: MetricField = Field(
        default="judge", description="A name, an object with a name and parameters, or a weighted list."
    )
    constraints: ConstraintsBody = ConstraintsBody()
    budget: BudgetBody = BudgetBody()
    iterations: PositiveInt | None = None
    population: int = Field(default=4, ge=1, le=32, strict=True)
    minibatch: int = Field(default=3, ge=1, le=32, strict=True)
    split: SplitBody | None = None
    temperature: float | None = Field(default=None, ge=0, le=2, strict=True)
    max_tokens: PositiveInt | None = None
    seed: int | None = Field(default=None, ge=0, lt=2**63, strict=True)
    cache: bool = Field(default=True, strict=True, description="Reuse answers to the same question at temperature 0.")
    metadata: dict[str, JsonValue] = Field(default_factory=dict, description="Echoed in the job state.")


class OptimizeBody(TaskBody):
    """A prompt to optimise and what to optimise it on."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["prompt"]}, {"required": ["prompts"]}]})

    prompt: str | None = Field(default=None, min_length=1, max_length=LONGEST_PROMPT)
    prompts: dict[ComponentName, str] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_COMPONENTS,
        description="The components of a program by name, instead of a prompt.",
    )
    program_url: str | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_URL,
        description="An HTTP endpoint that is the target instead of a model; the operator must allow it.",
    )
    target_model_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        validation_alias=AliasChoices("target_model_id", "target_model", "model_id"),
        description="The model that runs the prompt, passed on verbatim; also `target_model` or `model_id`.",
    )

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("the prompt is empty")
        return value

    @field_validator("prompts")
    @classmethod
    def _all_say_something(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        if empty := [name for name, text in (value or {}).items() if not text.strip()]:
            raise wrong_at(*(((name,), "the prompt is empty") for name in empty))
        if sum(map(len, (value or {}).values())) > LONGEST_PROMPT:
            raise ValueError(f"together more than {LONGEST_PROMPT} characters")
        return value

    @model_validator(mode="after")
    def _has_one_or_the_other(self) -> Self:
        if self.prompt is None and self.prompts is None:
            raise wrong_at((("prompt",), MISSING))
        if self.prompt is not None and self.prompts is not None:
            raise wrong_at((("prompts",), "not beside a prompt: send one or the other"))
        return self

    @property
    def components(self) -> dict[str, str]:
        """The prompts by name; one without a name is called `prompt`."""
        return self.prompts or {"prompt": self.prompt or ""}


class ResumeBody(Body):
    """Larger limits for a job that goes on; what is left out stays as it was, and null takes a limit away."""

    iterations: PositiveInt | None = None
    budget: BudgetBody = BudgetBody()


class PinBody(Body):
    """A candidate to serve under a name; the one that the job returned if it is left out."""

    job_id: str = Field(min_length=1, max_length=LONGEST_TEXT)
    candidate_id: int | None = Field(default=None, ge=0, le=10**9, strict=True)


class RollbackBody(Body):
    """A version to make the active one again."""

    version: PositiveInt


class RetestExamplesBody(Body):
    """Examples of the bank: those of the ids, or those that have all the tags."""

    ids: tuple[Id, ...] = Field(default=(), max_length=MOST_EXAMPLES)
    tags: tuple[Tag, ...] = ()
    limit: int = Field(default=1000, ge=1, le=MOST_EXAMPLES, strict=True)

    @model_validator(mode="after")
    def _is_chosen_in_one_way(self) -> Self:
        if self.ids and self.model_fields_set - {"ids"}:
            raise wrong_at((("ids",), "not beside tags or a limit"))
        return self


class RetestBody(Body):
    """What the active version is tested on and against; all of it may be left out."""

    examples: RetestExamplesBody | None = Field(default=None, description="The bank's new examples if left out.")
    against: int | None = Field(
        default=None, ge=0, le=10**9, strict=True, description="A version, or 0 for the seed prompt of its job."
    )
    tolerance: Score = Field(default=0.0, description="How much lower a score may be and still be no loss.")
    budget: LimitsBody = LimitsBody()
    cache: bool | None = Field(default=None, strict=True, description="As the job of the version had it if left out.")
    metadata: dict[str, JsonValue] = Field(default_factory=dict, description="Echoed in the job state.")
