"""Re-tests over HTTP: a job that tests the active version of a pinned prompt again, and the list of them."""

from dataclasses import replace

from flask import Blueprint, Response, jsonify

from gepa_next.api.edge.auth import token_id
from gepa_next.api.edge.body import has_body, read_json
from gepa_next.api.edge.paging import cursor, encode_cursor, limit, refuse_unknown
from gepa_next.api.edge.wiring import Wiring, wiring
from gepa_next.api.jobs.optimize import created_once, digest_of, new_job, refuse_while_draining, validated
from gepa_next.api.jobs.schemas import RetestBody
from gepa_next.api.pins.pins import checked_name
from gepa_next.api.pins.retesting import asked_of_retest
from gepa_next.api.pins.states import RetestPage, retest_item
from gepa_next.models import PinnedVersion
from gepa_next.store.new_jobs import NewJob
from gepa_next.store.pins import get_active_version
from gepa_next.store.retests import list_retests

bp = Blueprint("retests", __name__, url_prefix="/v1/prompts")


@bp.post("/<name>/retest")
def create(name: str) -> Response:
    """Store a job that tests the active version again, or return the one that the same request made before."""
    refuse_unknown()
    refuse_while_draining(wiring())
    version = get_active_version(wiring().database, token_id(), checked_name(name))
    body = validated(RetestBody, read_json()) if has_body() else RetestBody()
    digest = digest_of({"retest": name, "body": body.model_dump(mode="json")})
    return created_once(wiring(), digest, lambda: _new_retest(wiring(), version, body, digest))


@bp.get("/<name>/retests")
def index(name: str) -> Response:
    """Return a page of the re-tests of all versions, newest first."""
    refuse_unknown("limit", "cursor")
    size, before = limit(), cursor(float, str)
    get_active_version(wiring().database, token_id(), checked_name(name))
    found = list_retests(
        wiring().database,
        token_id(),
        name,
        limit=size + 1,
        before=(float(before[0]), str(before[1])) if before else None,
    )
    last = found[size - 1] if len(found) > size else None
    more = encode_cursor(last.created_at, last.job_id) if last else None
    page = RetestPage(items=[retest_item(each) for each in found[:size]], next_cursor=more)
    return jsonify(page.model_dump(mode="json"))


def _new_retest(parts: Wiring, version: PinnedVersion, body: RetestBody, digest: str) -> NewJob:
    spec, examples, upto = asked_of_retest(parts, token_id(), version, body)
    return replace(new_job(parts, digest, spec, examples), upto=upto)
