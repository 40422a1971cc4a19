"""What a pinned prompt looks like from outside."""

from pydantic import BaseModel

from gepa_next.api.jobs.states import JudgeState, job_url
from gepa_next.models import JobStatus, PinnedVersion
from gepa_next.store.pins import Activation
from gepa_next.store.retests import ListedRetest


class PinItem(BaseModel):
    """A version of a pinned prompt as lists show it; `active_since` is null where another one is active."""

    name: str
    version: int
    active: bool
    active_since: float | None
    created_at: float
    previous: int | None
    job_id: str
    candidate_id: int
    target_model_id: str
    program_url: str | None
    score: float | None
    scored_on: str | None
    verdict: str | None
    judge: JudgeState
    simulated: bool
    links: dict[str, str]


class PinState(PinItem):
    """A version of a pinned prompt; of a program `prompts` are its components by name."""

    text: str
    prompts: dict[str, str]


class PinPage(BaseModel):
    """A page of versions."""

    items: list[PinItem]
    next_cursor: str | None


class ActivationState(BaseModel):
    """A time during which a version was the active one; `until` is null if it still is."""

    version: int
    since: float
    until: float | None


class HistoryPage(BaseModel):
    """A page of the history of a name, latest first."""

    items: list[ActivationState]
    next_cursor: str | None


class RetestItem(BaseModel):
    """A re-test; `status` is null once its job is deleted, `verdict` then and before the end."""

    job_id: str
    version: int
    against: int
    created_at: float
    status: JobStatus | None
    verdict: str | None
    links: dict[str, str]


class RetestPage(BaseModel):
    """A page of re-tests, newest first."""

    items: list[RetestItem]
    next_cursor: str | None


def pin_url(name: str) -> str:
    """Return the path of a pinned prompt."""
    return f"/v1/prompts/{name}"


def version_url(version: PinnedVersion) -> str:
    """Return the version's path."""
    return f"{pin_url(version.name)}/versions/{version.number}"


def pin_item(version: PinnedVersion) -> PinItem:
    """Return the version without its text."""
    return PinItem.model_validate(_item(version), from_attributes=True)


def pin_state(version: PinnedVersion) -> PinState:
    """Return the version as GET shows it."""
    shown = {**_item(version), "text": version.text, "prompts": version.prompts}
    return PinState.model_validate(shown, from_attributes=True)


def activation_state(found: Activation) -> ActivationState:
    """Return what the history says."""
    return ActivationState(version=found.number, since=found.since, until=found.until)


def retest_item(found: ListedRetest) -> RetestItem:
    """Return what the list of re-tests says."""
    shown = {name: getattr(found, name) for name in RetestItem.model_fields if name != "links"}
    return RetestItem.model_validate({**shown, "links": {"job": job_url(found.job_id)}})


def _item(version: PinnedVersion) -> dict[str, object]:
    return {
        "name": version.name,
        "version": version.number,
        "active": version.activation is not None,
        "active_since": version.active_since,
        "created_at": version.created_at,
        "previous": version.previous,
        "job_id": version.job_id,
        "candidate_id": version.candidate_id,
        "target_model_id": version.spec.target_model_id,
        "program_url": version.spec.program_url,
        "score": version.score,
        "scored_on": version.scored_on,
        "verdict": version.verdict,
        "judge": version.judge,
        "simulated": version.simulated,
        "links": {
            "self": version_url(version),
            "active": pin_url(version.name),
            "versions": f"{pin_url(version.name)}/versions",
            "history": f"{pin_url(version.name)}/history",
            "retests": f"{pin_url(version.name)}/retests",
            "job": job_url(version.job_id),
        },
    }
