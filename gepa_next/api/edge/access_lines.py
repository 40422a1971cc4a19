"""A line of the log for each request, when all of its answer has been sent."""

import logging
import re
import time
from functools import partial

from flask import Flask, Response

from gepa_next.api.edge.asked import Asked, asked
from gepa_next.logs import begin
from gepa_next.telemetry.http import BEGAN_AT

log = logging.getLogger(__name__)

PROBES = frozenset({"health.healthz", "health.readyz", "metrics.prometheus", "metrics.flat"})
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")  # what a path says may be anything


def register_access_lines(app: Flask) -> None:
    """Log every request of the application."""
    app.after_request(_tell_at_end)


def _tell_at_end(response: Response) -> Response:
    request = asked()
    level = logging.DEBUG if request.endpoint in PROBES else logging.INFO
    if log.isEnabledFor(level):
        response.call_on_close(partial(_tell, level, _facts(request, response), request.environ[BEGAN_AT]))
    response.call_on_close(begin)  # what is logged from here on is about something else
    return response


def _facts(request: Asked, response: Response) -> dict[str, str | int | float]:
    """Return what the line says besides its time; the route and not the path, which may say anything."""
    facts: dict[str, str | int | float] = {"method": request.method, "status": response.status_code}
    if request.url_rule is not None:
        facts["route"] = request.url_rule.rule
    if request.token is not None:
        facts["owner"] = request.token.owner
    if _JOB_ID.fullmatch(job_id := (request.view_args or {}).get("job_id", "")):
        facts["job_id"] = job_id
    return facts


def _tell(level: int, facts: dict[str, str | int | float], began_at: float) -> None:
    facts["duration_ms"] = round((time.perf_counter() - began_at) * 1000, 3)
    log.log(level, "%s %s %d", facts["method"], facts.get("route", "no route"), facts["status"], extra=facts)
