"""The fields of the forms: how each is named on the wire, worded, and read."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gepa_next.api.edge.body import parse_json
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.errors import RefusedError

Reader = Callable[[str], object]


def _text(value: str) -> object:
    return value


def _line(value: str) -> object:
    return value.strip()


def _number(value: str) -> object:
    """Return the number; what is none stays a text, which the API refuses in its own words."""
    try:
        found = json.loads(value.strip())
    except ValueError:
        return value
    return found if isinstance(found, int | float) else value


def _lines(value: str) -> object:
    return [each for each in value.split("\n") if each.strip()]


def _tags(value: str) -> object:
    return [each.strip() for each in value.split(",") if each.strip()]


def _json(value: str) -> object:
    try:
        return parse_json(value)
    except RefusedError as error:
        raise ValueError(error.message.removeprefix("the body is ")) from None


def _no(_: str) -> object:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: its path in the body, its label, what reads it, and what an empty one means."""

    name: str
    label: str
    read: Reader = _number
    empty: str = ""

    @property
    def kind(self) -> str:
        """How its text is written: `text`, `line`, `number`, `lines`, `tags`, `json` or `no`."""
        return self.read.__name__.strip("_")


LIMITS = (
    Field(name="budget.max_rollouts", label="At most rollouts", empty="what they use"),
    Field(name="budget.max_calls", label="At most calls", empty="no limit"),
    Field(name="budget.max_tokens", label="At most tokens", empty="no limit"),
    Field(name="budget.max_cost_usd", label="At most USD", empty="no limit"),
    Field(name="budget.max_seconds", label="At most seconds", empty="no limit"),
)
ENDS = (
    Field(name="budget.target_score", label="Stop at score", empty="1"),
    Field(name="budget.patience", label="Patience, in iterations", empty="none"),
)
ITERATIONS = Field(name="iterations", label="Iterations", empty="10")
CANDIDATE = Field(name="candidate_id", label="From candidate", empty="the one returned")
SEARCH = (
    ITERATIONS,
    Field(name="population", label="Proposals an iteration", empty="4"),
    Field(name="minibatch", label="Examples a proposal is shown", empty="3"),
)
OF_TARGET = (
    Field(name="temperature", label="Temperature", empty="not sent"),
    Field(name="max_tokens", label="Longest answer, in tokens", empty="not sent"),
    Field(name="cache", label="Ask again, even what was asked before at temperature 0", read=_no),
)
JOB = (
    Field(name="prompt", label="Prompt to improve", read=_text),
    Field(name="program_url", label="URL of the program", read=_line, empty="http://127.0.0.1:9000/run"),
    Field(name="target_model_id", label="Target model", read=_line),
    Field(name="rubric", label="Rubric", read=_text),
    Field(name="bank.tags", label="With all of these tags", read=_tags, empty="support, english"),
    Field(name="bank.limit", label="At most examples of the bank", empty="1000"),
    Field(name="split.train", label="To reflect on", empty="chosen"),
    Field(name="split.val", label="To select by", empty="chosen"),
    Field(name="split.test", label="Held out", empty="chosen"),
    Field(name="constraints.keep", label="Must stay in the prompt word for word", read=_lines),
    Field(name="constraints.max_prompt_tokens", label="Longest prompt, in tokens", empty="no limit"),
    Field(name="seed", label="Seed", empty="drawn"),
    Field(name="metadata", label="Metadata", read=_json, empty='{"ticket": 17}'),
    *SEARCH,
    *OF_TARGET,
    *LIMITS,
    *ENDS,
)
OTHERS = Field(name="target_model_ids", label="Models to compare it with", read=_lines, empty="one a line")
FORK = (
    CANDIDATE,
    Field(name="event_id", label="Or from all that was known by event", empty="no event"),
    Field(name="program_url", label="URL of the program", read=_line),
    Field(name="target_model_id", label="Target model", read=_line),
    Field(name="metadata", label="Metadata", read=_json),
    *SEARCH,
    *OF_TARGET,
    *LIMITS,
    *ENDS,
)
# What a metric takes beside its name and weight.
PARAMETERS: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {
        "regex": (Field(name="pattern", label="Pattern that must match, in the language of RE2", read=_line),),
        "numeric": (Field(name="tolerance", label="Tolerance", empty="0"),),
        "json_schema": (Field(name="schema", label="JSON Schema that the output must fit", read=_json),),
        "length": (
            Field(name="min", label="At least", empty="0"),
            Field(name="max", label="At most", empty="no limit"),
            Field(name="unit", label="Counted in", read=_line),
        ),
    }
)
WEIGHT = Field(name="weight", label="Weight")


def read_fields(given: Mapping[str, str], fields: Iterable[Field], *, within: str = "") -> dict[str, object]:
    """Return what the fields that are filled in say, as a body nests it; InvalidError names one that cannot be read."""
    body: dict[str, object] = {}
    for each in fields:
        text = given.get(within + each.name, "")
        if text.strip():
            put(body, each.name, _read(each, text, within + each.name))
    return body


def _read(field: Field, text: str, path: str) -> object:
    try:
        return field.read(text)
    except ValueError as error:
        raise invalid(path, str(error)) from None


def put(body: dict[str, object], path: str, value: object) -> None:
    """Put a value into the body where its path says."""
    group, _, name = path.rpartition(".")
    inner = body.setdefault(group, {}) if group else body
    assert isinstance(inner, dict)  # noqa: S101 - no field is called as a group is
    inner[name] = value
