"""Candidates and artifacts of a job."""

from collections.abc import Iterator

from flask import Blueprint, Response, current_app, jsonify
from flask.blueprints import BlueprintSetupState

from gepa_next.api.edge.auth import token_id
from gepa_next.api.edge.pacing import in_chunks
from gepa_next.api.edge.paging import refuse_unknown, truth
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.evidence.artifacts import ARTIFACTS, REPORT, Artifacts
from gepa_next.api.evidence.report.page import POLICY
from gepa_next.api.evidence.states import ArtifactIndex, ArtifactState, CandidateState, ComparedScores
from gepa_next.api.jobs.states import job_url
from gepa_next.errors import NotFoundError
from gepa_next.gepa.types import Candidate
from gepa_next.models import Job
from gepa_next.store.database import Database
from gepa_next.store.evidence import iterate_candidates
from gepa_next.store.jobs import get_job

bp = Blueprint("evidence", __name__, url_prefix="/v1/optimize")

EXTENSION = "gepa_next_artifacts"


@bp.record_once
def remember_artifacts(registered: BlueprintSetupState) -> None:
    """Let the application that the routes are added to remember what it has made."""
    registered.app.extensions[EXTENSION] = Artifacts()


def made() -> Artifacts:
    """Return the artifacts of the current application."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Artifacts)  # noqa: S101 - set above and by nobody else
    return found


@bp.get("/<job_id>/candidates")
def candidates(job_id: str) -> Response:
    """Return every candidate, refused and rejected ones too, or those that are or are not dominated."""
    refuse_unknown("nondominated")
    wanted = truth("nondominated")
    database = wiring().database
    job = get_job(database, job_id, token_id=token_id())
    return Response(in_chunks(_listed(database, job, wanted=wanted)), content_type="application/json")


def _listed(database: Database, job: Job, *, wanted: bool | None) -> Iterator[str]:
    known = _dominated(job)
    before = '{"items":['
    for each, mean in iterate_candidates(database, job.id):
        stands = None if (dominated := known.get(each.id)) is None else not dominated
        if wanted in {None, stands}:
            yield before + _state(each, mean, nondominated=stands).model_dump_json()
            before = ","
    yield "]}\n" if before == "," else before + "]}\n"


def _dominated(job: Job) -> dict[int, bool]:
    """Say of each candidate that can be compared whether another dominates it; of none as long as that is not known."""
    found = (job.result or {}).get("nondominated")
    if not isinstance(found, dict):
        return {}
    best = {each["candidate_id"] for each in found["candidates"] if not each["dominated"]}
    return {each: each not in best for each in found["comparable"]}


def _state(candidate: Candidate, mean: float | None, *, nondominated: bool | None) -> CandidateState:
    return CandidateState(
        id=candidate.id,
        text=candidate.text,
        prompts=dict(candidate.prompts),
        parent_ids=list(candidate.parents),
        operator=candidate.operator,
        iteration=candidate.iteration,
        decision=candidate.decision,
        accepted=candidate.decision in {"seed", "accepted"},
        reason=candidate.reason,
        score=mean,
        comparison=ComparedScores(
            score=candidate.score, parent_score=candidate.parent_score, compared=candidate.compared
        ),
        nondominated=nondominated,
    )


@bp.get("/<job_id>/artifacts")
def artifacts(job_id: str) -> Response:
    """Return the index of the job's artifacts."""
    refuse_unknown()
    database = wiring().database
    job = get_job(database, job_id, token_id=token_id())
    marks = made().marks(database, job)
    items = [
        ArtifactState(
            name=name,
            content_type=content_type,
            bytes=marks[name].bytes,
            sha256=marks[name].sha256,
            url=f"{job_url(job.id)}/artifacts/{name}",
        )
        for name, content_type in ARTIFACTS.items()
    ]
    return jsonify(ArtifactIndex(items=items).model_dump(mode="json"))


@bp.get("/<job_id>/artifacts/<name>")
def artifact(job_id: str, name: str) -> Response:
    """Return one artifact."""
    refuse_unknown()
    database = wiring().database
    job = get_job(database, job_id, token_id=token_id())
    if name not in ARTIFACTS:
        raise NotFoundError(f"there is no such artifact; there are {', '.join(ARTIFACTS)}")
    response = Response(made().chunks(database, job, name), content_type=ARTIFACTS[name])
    if name == REPORT:
        response.headers["Content-Security-Policy"] = POLICY
    return response
