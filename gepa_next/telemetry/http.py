"""HTTP metrics by route, with labels that no client can add to."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from prometheus_client import CollectorRegistry
from prometheus_flask_exporter import PrometheusMetrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "OTHER"
BUCKETS_S = (0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)


def measure_requests(app: Flask, registry: CollectorRegistry) -> None:
    """Measure every request of the application by route; what has no route is one, called None."""
    PrometheusMetrics(app, path=None, registry=registry, group_by="url_rule", buckets=BUCKETS_S)
    app.wsgi_app = _with_known_methods(app.wsgi_app)  # type: ignore[assignment]  # as Flask says to


def _with_known_methods(served: "WSGIApplication") -> "WSGIApplication":
    """Call every method that HTTP does not know by one name: it is a label, and no route has it."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in METHODS:
            environ["REQUEST_METHOD"] = OTHER
        return served(environ, start_response)

    return application
