"""Candidates and artifacts of a job."""

from flask import Blueprint, Response, jsonify

from gepa_next.api.artifacts import ARTIFACTS
from gepa_next.api.auth import token_id
from gepa_next.api.paging import refuse_unknown
from gepa_next.api.states import job_url
from gepa_next.api.wiring import wiring
from gepa_next.errors import NotFoundError
from gepa_next.store.evidence import list_candidates, validation_means
from gepa_next.store.jobs import get_job

bp = Blueprint("evidence", __name__, url_prefix="/v1/optimize")


@bp.get("/<job_id>/candidates")
def candidates(job_id: str) -> Response:
    """Return every candidate, refused and rejected ones too."""
    refuse_unknown()
    database = wiring().database
    job = get_job(database, job_id, token_id=token_id())
    means = validation_means(database, job.id)
    items = [
        {
            "id": each.id,
            "text": each.text,
            "parent_ids": each.parents,
            "operator": each.operator,
            "iteration": each.iteration,
            "decision": each.decision,
            "accepted": each.decision in {"seed", "accepted"},
            "reason": each.reason,
            "score": means.get(each.id),
            "minibatch": {"score": each.score, "parent_score": each.parent_score, "compared": each.compared},
        }
        for each in list_candidates(database, job.id)
    ]
    return jsonify({"items": items})


@bp.get("/<job_id>/artifacts")
def artifacts(job_id: str) -> Response:
    """Return the index of the job's artifacts."""
    refuse_unknown()
    database = wiring().database
    job = get_job(database, job_id, token_id=token_id())
    items = [
        {
            "name": name,
            "content_type": artifact.content_type,
            "bytes": len(artifact.build(database, job)),
            "url": f"{job_url(job.id)}/artifacts/{name}",
        }
        for name, artifact in ARTIFACTS.items()
    ]
    return jsonify({"items": items})


@bp.get("/<job_id>/artifacts/<name>")
def artifact(job_id: str, name: str) -> Response:
    """Return one artifact."""
    refuse_unknown()
    database = wiring().database
    job = get_job(database, job_id, token_id=token_id())
    if name not in ARTIFACTS:
        raise NotFoundError(f"there is no such artifact; there are {', '.join(ARTIFACTS)}")
    found = ARTIFACTS[name]
    return Response(found.build(database, job), content_type=found.content_type)
