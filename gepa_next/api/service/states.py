"""What the service says of itself."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, RootModel


class HealthState(BaseModel):
    """That the process answers."""

    status: Literal["ok"]


class ReadyState(BaseModel):
    """Whether work can be done, and what each check says."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str]


class VersionState(BaseModel):
    """What runs here; `settings` are those that are not secret, for a token of scope `admin`, null for others."""

    version: str
    schema_version: int
    judge_fingerprint: str
    simulated: bool
    settings: dict[str, JsonValue] | None


class FlatMetrics(RootModel[dict[str, float]]):
    """The service's own numbers by name."""


class OpenApiDocument(BaseModel):
    """A description of an API."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    info: dict[str, JsonValue]
    paths: dict[str, JsonValue]
