"""How values become columns and come back: the disk edge."""

import json
from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter

from gepa_next.gepa.run import Standing
from gepa_next.gepa.spending import Spending, Spent
from gepa_next.gepa.types import Example, JudgeNoise, Role
from gepa_next.models import JobSpec
from gepa_next.store.database import Row

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_SPEC = TypeAdapter(JobSpec)
_SPENDING = TypeAdapter(dict[Role, Spent])
_STANDING = TypeAdapter(Standing)
_NOISE = TypeAdapter(JudgeNoise)


def to_json(value: Mapping[str, object] | Sequence[object]) -> str:
    """Return one line of JSON; ValueError for NaN and infinities."""
    return _ENCODER.encode(value)


def spec_to_json(spec: JobSpec) -> str:
    """Return the spec as one line of JSON."""
    return _SPEC.dump_json(spec).decode()


def spec_from_json(text: str) -> JobSpec:
    """Return the spec that was stored."""
    return _SPEC.validate_json(text)


def spending_to_json(spending: Spending) -> str:
    """Return what a step consumed as one line of JSON."""
    return _SPENDING.dump_json(dict(spending)).decode()


def spending_from_json(text: str) -> Spending:
    """Return what a stored step consumed."""
    return _SPENDING.validate_json(text)


def standing_to_json(standing: Standing) -> str:
    """Return how far a run has come as one line of JSON."""
    return _STANDING.dump_json(standing).decode()


def standing_from_json(text: str) -> Standing:
    """Return how far a run had come."""
    return _STANDING.validate_json(text)


def noise_to_json(noise: JudgeNoise) -> str:
    """Return what is known of the judge's noise as one line of JSON."""
    return _NOISE.dump_json(noise).decode()


def noise_from_json(text: str) -> JudgeNoise:
    """Return what was stored of the judge's noise, with other members beside it or without."""
    return _NOISE.validate_json(text)


def example_values(example: Example) -> tuple[str, str, str | None, str, str]:
    """Return the columns id, input, ideal, tags, meta."""
    return (example.id, example.input, example.ideal, to_json(example.tags), to_json(example.meta))


def example_from(row: Row, *, synthetic: bool = False) -> Example:
    """Return the example of a row with the columns id, input, ideal, tags, meta."""
    return Example(
        id=row["id"],
        input=row["input"],
        ideal=row["ideal"],
        tags=tuple(json.loads(row["tags"])),
        meta=json.loads(row["meta"]),
        synthetic=synthetic,
    )
