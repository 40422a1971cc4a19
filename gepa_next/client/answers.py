"""What else the service answers with: quotes, candidates, artifacts, the bank, pinned prompts (docs/API.md)."""

from dataclasses import dataclass, field

from gepa_next.client.options import Json
from gepa_next.client.states import Budget, Judge, Usage, Warned


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCall:
    """The model of a role, its price, and how long its calls are taken to be."""

    model_id: str
    price: Json | None = None
    expected: Usage = field(default_factory=Usage)
    most: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallestGain:
    """The smallest mean difference that the held-out examples could show."""

    n: int
    zero_or_one: float | None = None
    graded: float | None = None
    assumed_sd: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a job would take, and what its examples could show."""

    expected: Usage
    most: Usage
    limited_by: str | None = None
    per_call: dict[str, RoleCall] = field(default_factory=dict)
    iterations: int | None = None
    split: dict[str, int] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    smallest_gain: SmallestGain | None = None
    unpriced_models: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()
    simulated: bool = False
    raw: Json = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentComparison:
    """Means of a candidate and its first parent on the examples that both have a score for."""

    score: float | None = None
    parent_score: float | None = None
    compared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A prompt that the job made, and what became of it."""

    id: int
    text: str
    prompts: dict[str, str] = field(default_factory=dict)
    parent_ids: tuple[int, ...] = ()
    operator: str = ""
    iteration: int = 0
    decision: str | None = None
    accepted: bool = False
    reason: str = ""
    score: float | None = None
    comparison: ParentComparison = field(default_factory=ParentComparison)
    nondominated: bool | None = None
    raw: Json = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An artifact in the index."""

    name: str
    content_type: str
    bytes: int
    sha256: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamToken:
    """What opens the event stream of one job without a header, for a while."""

    stream_token: str
    expires_at: float
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An example of the bank."""

    id: str
    input: str
    ideal: str | None = None
    tags: tuple[str, ...] = ()
    meta: Json = field(default_factory=dict)
    created_at: float | None = None
    raw: Json = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    """A row that was left out of an import, by its line in the file."""

    row: int
    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRow:
    """A row whose content was known before, by its line in the file."""

    row: int
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What became of an import; of rows left out and known before the first ones are told."""

    upserted: int = 0
    duplicates: int = 0
    left_out: int = 0
    errors: tuple[RowError, ...] = ()
    first_duplicates: tuple[KnownRow, ...] = ()
    raw: Json = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedPrompt:
    """A version of a pinned prompt; lists leave out `text` and `prompts`."""

    name: str
    version: int
    job_id: str
    candidate_id: int
    text: str | None = None
    prompts: dict[str, str] = field(default_factory=dict)
    active: bool = False
    active_since: float | None = None
    created_at: float | None = None
    previous: int | None = None
    target_model_id: str | None = None
    program_url: str | None = None
    score: float | None = None
    scored_on: str | None = None
    verdict: str | None = None
    judge: Judge | None = None
    simulated: bool = False
    links: dict[str, str] = field(default_factory=dict)
    raw: Json = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """A time during which a version was the active one; `until` is None if it still is."""

    version: int
    since: float
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retest:
    """A re-test in the list of them; status and verdict are None once its job is pruned."""

    job_id: str
    version: int
    against: int
    created_at: float
    status: str | None = None
    verdict: str | None = None
    links: dict[str, str] = field(default_factory=dict)
