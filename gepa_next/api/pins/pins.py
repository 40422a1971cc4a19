"""Pinned prompts over HTTP: pin, serve, list, roll back."""

import re
import time

from flask import Blueprint, Response, jsonify, request

from gepa_next.api.edge.auth import token_id
from gepa_next.api.edge.body import read_json
from gepa_next.api.edge.paging import cursor, encode_cursor, limit, refuse_unknown
from gepa_next.api.edge.quotas import quota
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.api.jobs.optimize import validated
from gepa_next.api.jobs.schemas import PinBody, RollbackBody
from gepa_next.api.pins.pinning import new_version
from gepa_next.api.pins.states import activation_state, pin_item, pin_state, version_url
from gepa_next.errors import ConflictError, NotFoundError
from gepa_next.models import PinnedVersion
from gepa_next.store.pins import (
    activate_version,
    delete_versions,
    find_active_version,
    get_active_version,
    get_version,
    list_activations,
    list_active_versions,
    list_versions,
    pin_version,
)

bp = Blueprint("pins", __name__, url_prefix="/v1/prompts")

JSON, TEXT = "application/json", "text/plain"
# Not a dot first: a client would take `..` for a step upwards.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@bp.get("")
def index() -> Response:
    """Return a page of this token's pinned prompts, each as its active version, by name."""
    refuse_unknown("limit", "cursor")
    size, after = limit(), cursor(str)
    found = list_active_versions(
        wiring().database, token_id(), limit=size + 1, after=str(after[0]) if after else None
    )  # fmt: skip
    more = encode_cursor(found[size - 1].name) if len(found) > size else None
    return _page([pin_item(each).model_dump(mode="json") for each in found[:size]], more)


@bp.put("/<name>")
def pin(name: str) -> Response:
    """Pin a candidate of a job: 201 if that makes a new version, 200 if it is the active one already."""
    refuse_unknown()
    checked_name(name)
    body, database = validated(PinBody, read_json()), wiring().database
    version = new_version(database, token_id(), name, body)
    created = pin_version(database, token_id(), version, seen=_seen(name), quota=quota())
    active = get_active_version(database, token_id(), name)
    response = _as_json(active)
    if created:
        response.status_code = 201
        response.headers["Location"] = version_url(active)
    return response


@bp.get("/<name>")
def read(name: str) -> Response:
    """Return the active version, its text alone or all of it, or 304."""
    refuse_unknown()
    return _served(get_active_version(wiring().database, token_id(), checked_name(name)))


@bp.delete("/<name>")
def delete(name: str) -> Response:
    """Delete all versions of the name, and its history."""
    refuse_unknown()
    delete_versions(wiring().database, token_id(), checked_name(name), seen=_seen(name))
    return Response(status=204)


@bp.get("/<name>/versions")
def versions(name: str) -> Response:
    """Return a page of the versions, newest first."""
    refuse_unknown("limit", "cursor")
    size, before = limit(), _before()
    get_active_version(wiring().database, token_id(), checked_name(name))
    found = list_versions(wiring().database, token_id(), name, limit=size + 1, before=before)
    more = encode_cursor(found[size - 1].number) if len(found) > size else None
    return _page([pin_item(each).model_dump(mode="json") for each in found[:size]], more)


@bp.get("/<name>/versions/<number>")
def read_version(name: str, number: str) -> Response:
    """Return one version, its text alone or all of it, or 304."""
    refuse_unknown()
    checked_name(name)
    if not NUMBER.fullmatch(number):
        raise NotFoundError("there is no such version")
    return _served(get_version(wiring().database, token_id(), name, int(number)))


@bp.get("/<name>/history")
def history(name: str) -> Response:
    """Return which version was active when, latest first."""
    refuse_unknown("limit", "cursor")
    size, before = limit(), _before()
    get_active_version(wiring().database, token_id(), checked_name(name))
    found = list_activations(wiring().database, token_id(), name, limit=size + 1, before=before)
    more = encode_cursor(found[size - 1].id) if len(found) > size else None
    return _page([activation_state(each).model_dump(mode="json") for each in found[:size]], more)


@bp.post("/<name>/rollback")
def roll_back(name: str) -> Response:
    """Make a version that there is the active one; again the same."""
    refuse_unknown()
    checked_name(name)
    body, database = validated(RollbackBody, read_json()), wiring().database
    activate_version(database, token_id(), name, body.version, seen=_seen(name), now=time.time())
    return _as_json(get_active_version(database, token_id(), name))


def checked_name(name: str) -> str:
    """Return the name; InvalidError if it is none."""
    if not NAME.fullmatch(name):
        raise invalid("name", "1 to 64 of the characters A-Z a-z 0-9 . _ -, the first a letter or a digit")
    return name


def _before() -> int | None:
    found = cursor(int)
    return int(found[0]) if found else None


def _page(items: list[dict[str, object]], next_cursor: str | None) -> Response:
    return jsonify({"items": items, "next_cursor": next_cursor})


def _seen(name: str) -> int | None:
    """Return the activation that `If-Match` speaks of, None without that header; ConflictError if it is not the latest.

    Either of the two forms in which a version is served may be meant.
    """
    if "If-Match" not in request.headers:
        return None
    active = find_active_version(wiring().database, token_id(), name)
    if active is not None and active.activation is not None:
        tags = [form(active).get_etag()[0] for form in (_as_json, _as_text)]
        if request.if_match.star_tag or any(tag is not None and request.if_match.is_strong(tag) for tag in tags):
            return active.activation
    raise _changed()


def _changed() -> ConflictError:
    return ConflictError("precondition_failed", "the active version is not the one of If-Match; read it again")


def _served(version: PinnedVersion) -> Response:
    """Return the version in the form that the request accepts; a single prompt sooner as text, components as JSON."""
    offered = [JSON, TEXT] if version.prompts else [TEXT, JSON]
    wanted = request.accept_mimetypes.best_match(offered, default=offered[0])
    response = _as_json(version) if wanted == JSON else _as_text(version)
    response.headers["Content-Location"] = version_url(version)
    response.make_conditional(request)
    if response.status_code == 412:  # noqa: PLR2004 - werkzeug heeds If-Match too, without our error shape
        raise _changed()
    return response


def _as_text(version: PinnedVersion) -> Response:
    return _tagged(Response(version.text, content_type=f"{TEXT}; charset=utf-8"))


def _as_json(version: PinnedVersion) -> Response:
    return _tagged(jsonify(pin_state(version).model_dump(mode="json")))


def _tagged(response: Response) -> Response:
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"  # to be asked for each time: a rollback counts at once
    response.headers["Vary"] = "Accept"
    return response
