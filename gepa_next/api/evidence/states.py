"""What the evidence of a job looks like from outside: candidates, artifacts, events."""

from typing import Literal

from pydantic import BaseModel, JsonValue

from gepa_next.gepa.types import Decision


class ComparedScores(BaseModel):
    """Means of a candidate and its first parent over the examples on which both have a score."""

    score: float | None
    parent_score: float | None
    compared: int


class CandidateState(BaseModel):
    """A candidate; `score` is the mean over the validation examples it was run on."""

    id: int
    text: str
    prompts: dict[str, str]
    parent_ids: list[int]
    operator: str
    iteration: int
    decision: Decision
    accepted: bool
    reason: str | None
    score: float | None
    comparison: ComparedScores
    nondominated: bool | None


class CandidatesState(BaseModel):
    """The candidates of a job, oldest first."""

    items: list[CandidateState]


class ArtifactState(BaseModel):
    """An artifact, what it is told by, and its path."""

    name: str
    content_type: str
    bytes: int
    sha256: str
    url: str


class ArtifactIndex(BaseModel):
    """The artifacts of a job."""

    items: list[ArtifactState]


class EventState(BaseModel):
    """An event of a job, as the `data` line of the stream has it; its `data` depends on the type and the stage."""

    id: int
    type: Literal["started", "progress", "resumed", "finished", "failed", "cancelled"]
    schema_version: Literal[1]
    job_id: str
    ts: float
    data: dict[str, JsonValue]
