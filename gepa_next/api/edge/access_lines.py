"""A line of the log for each request, when all of its answer has been sent."""

import logging
import re
import time
from functools import partial

from flask import Flask, Response, g, request

from gepa_next.logs import begin

log = logging.getLogger(__name__)

PROBES = frozenset({"health.healthz", "health.readyz", "metrics.prometheus", "metrics.flat"})
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")  # what a path says may be anything


def register_access_lines(app: Flask) -> None:
    """Log every request of the application; before all else that is done with it."""
    app.before_request(_note_time)
    app.after_request(_tell_at_end)


def _note_time() -> None:
    g.began = time.perf_counter()


def _tell_at_end(response: Response) -> Response:
    level = logging.DEBUG if request.endpoint in PROBES else logging.INFO
    if log.isEnabledFor(level):
        response.call_on_close(partial(_tell, level, _facts(response), began=g.began))
    response.call_on_close(begin)  # what is logged from here on is about something else
    return response


def _facts(response: Response) -> dict[str, str | int | float]:
    """Return what the line says besides its time; the route and not the path, which may say anything."""
    facts: dict[str, str | int | float] = {"method": request.method, "status": response.status_code}
    if request.url_rule is not None:
        facts["route"] = request.url_rule.rule
    if "token" in g:
        facts["owner"] = g.token.owner
    if _JOB_ID.fullmatch(job_id := (request.view_args or {}).get("job_id", "")):
        facts["job_id"] = job_id
    return facts


def _tell(level: int, facts: dict[str, str | int | float], *, began: float) -> None:
    facts["duration_ms"] = round((time.perf_counter() - began) * 1000, 3)
    log.log(level, "%s %s %d", facts["method"], facts.get("route", "no route"), facts["status"], extra=facts)
