"""HTTP metrics by route, with labels that no client can add to."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from flask import Flask, Request, Response, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_flask_exporter import PrometheusMetrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "OTHER"
BUCKETS_S = (0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)
FAILED = 500
BEGAN_AT = "gepa_next.began_at"  # in a request's environment, by time.perf_counter


def measure_requests(app: Flask, registry: CollectorRegistry) -> None:
    """Measure every request of the application by route; what has no route is one, called None."""
    RouteMetrics(app, path=None, registry=registry)
    app.wsgi_app = _with_time_and_known_methods(app.wsgi_app)  # type: ignore[assignment]  # as Flask says to


class _Series(NamedTuple):
    """Where requests of one method, route and status are counted."""

    seconds: Histogram
    total: Counter


class RouteMetrics(PrometheusMetrics):  # type: ignore[misc]  # the exporter has no types
    """The exporter's metrics; each series is looked up once, which takes longer than to count a request.

    The one of exceptions is left out: error handlers answer them all.
    """

    def export_defaults(self, *, app: Flask, **_: object) -> None:
        """Make the metrics under the names that the exporter gives them, and note every request of the application."""
        self.info("flask_exporter_info", "Information about the Prometheus Flask exporter", version=self.version)
        self._known: dict[tuple[str, str, int], _Series] = {}
        self._seconds = Histogram(
            "flask_http_request_duration_seconds",
            "Flask HTTP request duration in seconds",
            ["method", "url_rule", "status"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._total = Counter(
            "flask_http_request_total", "Total number of HTTP requests", ["method", "status"], registry=self.registry
        )
        app.after_request(self._end)
        app.teardown_request(self._note_unanswered)

    def _end(self, response: Response) -> Response:
        self._note(_request(), response.status_code)
        return response

    def _note_unanswered(self, error: BaseException | None) -> None:
        """Count a request that no error handler answers as one that failed, unless it had its answer."""
        if error is not None:
            self._note(_request(), FAILED)

    def _note(self, request: Request, status: int) -> None:
        began_at = request.environ.pop(BEGAN_AT, None)
        if began_at is not None:
            series = self._series(request, status)
            series.seconds.observe(time.perf_counter() - began_at)
            series.total.inc()

    def _series(self, request: Request, status: int) -> _Series:
        rule = request.url_rule
        method, route = request.method, rule.rule if rule is not None else "None"
        if (known := self._known.get((method, route, status))) is not None:
            return known
        new = _Series(self._seconds.labels(method, route, status), self._total.labels(method, status))
        return self._known.setdefault((method, route, status), new)


def _request() -> Request:
    """Return the request itself: to look at three things of it through Flask's stand-in takes longer than to count."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - of the stand-in
    return found


def _with_time_and_known_methods(served: "WSGIApplication") -> "WSGIApplication":
    """Note when a request began, and call every method that HTTP does not know by one name, as no route has it."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ[BEGAN_AT] = time.perf_counter()
        if environ["REQUEST_METHOD"] not in METHODS:
            environ["REQUEST_METHOD"] = OTHER
        return served(environ, start_response)

    return application
