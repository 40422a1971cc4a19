"""Metrics for scrapers, and the same numbers as flat JSON."""

from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gepa_next.api.edge.auth import needs, open_route
from gepa_next.api.service.states import FlatMetrics
from gepa_next.telemetry.collector import ServiceCollector

bp = Blueprint("metrics", __name__, url_prefix="/v1")

EXTENSION = "gepa_next_metrics"
Parts = tuple[CollectorRegistry, ServiceCollector]


@bp.get("/metrics")
@open_route
@needs("admin")
def prometheus() -> Response:
    """Return the metrics in Prometheus's text format."""
    registry, _ = _parts()
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@bp.get("/metricsz")
@open_route
@needs("admin")
def flat() -> Response:
    """Return the service's own numbers as one flat object."""
    _, collector = _parts()
    return jsonify(FlatMetrics(collector.flat()).model_dump())


def _parts() -> Parts:
    parts: Parts = current_app.extensions[EXTENSION]
    return parts
