"""The shapes in which a request may say its metric."""

from collections.abc import Mapping
from math import fsum
from typing import Annotated, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from gepa_next.api.edge.wrong_values import MISSING, NOT_AN_OBJECT
from gepa_next.errors import InvalidError
from gepa_next.metrics import JUDGE, PROGRAM, check_schema, matches_anything
from gepa_next.metrics.deterministic import LONGEST_OUTPUT

MOST_PARTS = 16
_ROUNDING = 1e-6

Units = Annotated[int, Field(ge=0, le=LONGEST_OUTPUT, strict=True)]
Plain = Literal[
    "judge", "program", "exact_match", "contains", "json_valid", "json_equal", "token_f1", "rouge_l", "edit_similarity"
]  # fmt: skip


class MetricBody(BaseModel):
    """A metric; what it is not known by is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: float | None = Field(
        default=None, gt=0, le=1, strict=True, description="In a list of metrics, where the weights sum to 1."
    )


class PlainMetricBody(MetricBody):
    """A metric without parameters."""

    name: Plain


class RegexBody(MetricBody):
    """A pattern that must match somewhere in the output."""

    name: Literal["regex"]
    pattern: str = Field(min_length=1, description="In the language of RE2.")

    @field_validator("pattern")
    @classmethod
    def _can_be_read(cls, pattern: str) -> str:
        if matches_anything(pattern):
            raise ValueError("it matches any answer, an empty one too")
        return pattern


class NumericBody(MetricBody):
    """The last number, give or take."""

    name: Literal["numeric"]
    tolerance: float = Field(default=0.0, ge=0, le=1e12, strict=True)


class JsonSchemaBody(MetricBody):
    """A JSON Schema that the output must fit."""

    name: Literal["json_schema"]
    definition: dict[str, JsonValue] | bool = Field(
        validation_alias="schema", description="JSON Schema of draft 2020-12, or draft-07 if `$schema` says so."
    )

    @field_validator("definition", mode="plain")
    @classmethod
    def _is_one(cls, schema: object) -> object:
        try:
            check_schema(schema)
        except InvalidError as error:
            raise wrong_at(*((tuple(path.split(".")) if path else (), said) for path, said in error.details)) from None
        return schema


class LengthBody(MetricBody):
    """A length to keep to; at least one limit."""

    name: Literal["length"]
    min: Units = 0
    max: Units | None = None
    unit: Literal["characters", "words"] = "characters"

    @model_validator(mode="after")
    def _limits_something(self) -> "LengthBody":
        if self.max is None and not self.min:
            raise ValueError("length needs min, max or both, and a min of 0 is none")
        if self.max is not None and self.max < self.min:
            raise wrong_at((("max",), "less than min"))
        return self


AnyMetricBody = PlainMetricBody | RegexBody | NumericBody | JsonSchemaBody | LengthBody
SHAPES: Mapping[str, type[MetricBody]] = {
    name: shape
    for shape in get_args(AnyMetricBody)
    for name in get_args(shape.model_fields["name"].annotation)
}  # fmt: skip


def _checked_metric(given: object) -> object:
    """Return the metric as it was given; ValidationError or ValueError with the place of what is wrong in it."""
    if isinstance(given, list):
        _check_together(_LIST.validate_python(given))
    elif isinstance(given, str):
        if given not in SHAPES:
            raise ValueError(f"one of {', '.join(SHAPES)}")
        _checked_one({"name": given})
    elif isinstance(given, dict):
        _checked_one(given)
        if "weight" in given:
            raise wrong_at((("weight",), "only in a list"))
    else:
        raise ValueError(  # noqa: TRY004 - pydantic takes a ValueError for an answer
            "a name, an object with a name, or a list of such objects with weights"
        )
    return given


def _checked_part(given: object) -> MetricBody:
    part = _checked_one(given)
    if part.weight is None:
        raise wrong_at((("weight",), MISSING))
    return part


def _checked_one(given: object) -> MetricBody:
    if not isinstance(given, dict):
        raise ValueError(NOT_AN_OBJECT)  # noqa: TRY004 - pydantic takes a ValueError for an answer
    name = given.get("name")
    if not isinstance(name, str) or name not in SHAPES:
        raise wrong_at((("name",), f"one of {', '.join(SHAPES)}"))
    return SHAPES[name].model_validate(given)


_LIST = TypeAdapter(
    Annotated[list[Annotated[MetricBody, PlainValidator(_checked_part)]], Field(min_length=1, max_length=MOST_PARTS)]
)


def _check_together(parts: list[MetricBody]) -> None:
    total = fsum(each.weight or 0.0 for each in parts)
    if abs(total - 1) > _ROUNDING:
        raise ValueError(f"the weights sum to {total:g}, not to 1")
    for name in (JUDGE, PROGRAM):
        if sum(isinstance(each, PlainMetricBody) and each.name == name for each in parts) > 1:
            raise ValueError(f"the {name} can stand in the list once")


def wrong_at(*details: tuple[tuple[str, ...], str]) -> ValidationError:
    """Return the error for what is wrong at places inside: pydantic puts the place of the whole before them."""
    # In a custom error's message only the names in its context are filled in, and there are none.
    return ValidationError.from_exception_data(
        "metric",
        [InitErrorDetails(type=PydanticCustomError("metric", said), loc=path, input=None) for path, said in details],
    )


MetricField = Annotated[
    str | dict[str, JsonValue] | list[dict[str, JsonValue]],
    PlainValidator(_checked_metric, json_schema_input_type=Plain | AnyMetricBody | list[AnyMetricBody]),
]
