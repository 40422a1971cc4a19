"""Health, readiness and version."""

import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from flask import Blueprint, Response, jsonify

from gepa_next.api.edge.answers import CompleteResponse
from gepa_next.api.edge.auth import may, open_route, refuse_unknown_token
from gepa_next.api.edge.wiring import Wiring, wiring
from gepa_next.api.service.states import HealthState, ReadyState, VersionState
from gepa_next.errors import RefusedError, StoreError
from gepa_next.gepa.drift import anchors_fingerprint
from gepa_next.gepa.fingerprint import judge_fingerprint
from gepa_next.store.checks import current_schema, probe_write
from gepa_next.store.judge_checks import find_last_check
from gepa_next.store.leases import LEASE_S, boot_id, list_runners, runner_alive
from gepa_next.store.migrate import schema_version
from gepa_next.version import VERSION

bp = Blueprint("health", __name__, url_prefix="/v1")

_OK = HealthState(status="ok").model_dump_json().encode() + b"\n"


@bp.get("/healthz")
@open_route
def healthz() -> Response:
    """Say that the process answers; no I/O."""
    return CompleteResponse(_OK, headers={"Content-Type": "application/json"})


@bp.get("/readyz")
@open_route
def readyz() -> Response:
    """Say check by check whether work can be done here."""
    checks = {name: _said(check, wiring()) for name, check in CHECKS.items()}
    ready = all(said in {"ok", "skipped"} for said in checks.values())
    notices = {name: _said(notice, wiring()) for name, notice in NOTICES.items()}
    told = ReadyState(status="ready" if ready else "not_ready", checks=checks | notices)
    response = jsonify(told.model_dump())
    response.status_code = 200 if ready else 503
    return response


@bp.get("/version")
@open_route
def version() -> Response:
    """Say what runs here: versions, the judge, and to the operator the settings that are not secret."""
    if (refusal := refuse_unknown_token()) is not None:
        return refusal
    parts = wiring()
    told = VersionState(
        version=VERSION,
        schema_version=schema_version(),
        judge_fingerprint=judge_fingerprint(parts.roles.judge_model_id),
        simulated=parts.roles.simulated,
        settings=parts.public_settings if may("admin") else None,
    )
    return jsonify(told.model_dump(mode="json"))


def _said(check: Callable[[Wiring], str], parts: Wiring) -> str:
    try:
        return check(parts)
    except (RefusedError, StoreError, OSError) as error:
        return str(error)


def _database(parts: Wiring) -> str:
    probe_write(parts.database)
    return "ok"


def _migrations(parts: Wiring) -> str:
    found = current_schema(parts.database)
    return "ok" if found == schema_version() else f"schema {found}, expected {schema_version()}"


def _runner(parts: Wiring) -> str:
    if not parts.runner_expected:
        return "skipped"
    alive = runner_alive(parts.database, boot_id=boot_id(), monotonic=time.monotonic(), lease_s=LEASE_S)
    if alive:
        return "ok"
    if not list_runners(parts.database):
        return "no runner is there: none has started yet, or each has ended"
    return "no runner has been able to use the database lately"


def _draining(parts: Wiring) -> str:
    return "shutting_down" if parts.draining.is_set() else "ok"


def _disk(parts: Wiring) -> str:
    free = shutil.disk_usage(parts.database.path.parent).free
    return "ok" if free >= parts.limits.free_disk_bytes else f"only {free} bytes free"


def _judge(parts: Wiring) -> str:
    last = find_last_check(parts.database, anchors_fingerprint(parts.roles.judge_model_id))
    if last is None:
        return "skipped"
    if last.drift is None or last.moved_since is None:
        return "ok"
    since = datetime.fromtimestamp(last.moved_since, UTC).isoformat(timespec="seconds")
    return f"warning: it has moved by {last.drift.shift:+.3f}, seen since {since}"


CHECKS: Mapping[str, Callable[[Wiring], str]] = MappingProxyType(
    {"database": _database, "migrations": _migrations, "runner": _runner, "draining": _draining, "disk": _disk}
)


def _tokens(parts: Wiring) -> str:
    tokens = parts.access.tokens
    tokens.look()
    if not tokens.has_file:
        return "skipped"
    if not tokens.problem:
        return "ok"
    detail = f": {tokens.problem}" if may("admin") else ""
    return f"warning: the file cannot be used, what it said before holds{detail}"


# What is no reason not to be ready.
NOTICES: Mapping[str, Callable[[Wiring], str]] = MappingProxyType({"judge": _judge, "tokens": _tokens})
