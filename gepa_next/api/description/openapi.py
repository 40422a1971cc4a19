"""The route of the description."""

import json
from functools import lru_cache

from flask import Blueprint, Response, request

from gepa_next.api.description.document import document
from gepa_next.api.description.operation import JSON
from gepa_next.api.edge.auth import open_route
from gepa_next.api.edge.wiring import wiring

bp = Blueprint("openapi", __name__, url_prefix="/v1")


@bp.get("/openapi.json")
@open_route
def describe() -> Response:
    """Return the description as OpenAPI 3.1, or 304."""
    response = Response(_encoded(wiring().limits.iterations), content_type=JSON)
    response.add_etag()
    response.headers["Cache-Control"] = "public, no-cache"
    response.make_conditional(request)
    return response


@lru_cache(maxsize=4)
def _encoded(most_iterations: int) -> bytes:
    return json.dumps(document(most_iterations), separators=(",", ":")).encode()
