"""The page of the API, made from its description."""

from functools import lru_cache
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, request

from gepa_next.api.description.document import document
from gepa_next.api.edge.auth import open_route
from gepa_next.api.edge.errors import STATUS_BY_CODE
from gepa_next.api.edge.wiring import wiring
from gepa_next.web import schema_words
from gepa_next.web.admission import HEADERS, rendered
from gepa_next.web.packing import packed

bp = Blueprint("docs", __name__)
for each in schema_words.FILTERS:
    bp.add_app_template_filter(each, each.__name__)


@bp.get("/docs")
@open_route
def docs() -> Response:
    """Show the API, or 304; the page is the same for everybody."""
    parts = wiring()
    response = Response(
        _page(parts.limits.iterations, simulated=parts.roles.simulated), content_type="text/html; charset=utf-8"
    )
    response.headers.update({**HEADERS, "Cache-Control": "public, no-cache"})
    response.add_etag()
    response.make_conditional(request)
    return packed(response)


@lru_cache(maxsize=4)
def _page(most_iterations: int, *, simulated: bool) -> str:
    described: Any = document(most_iterations)
    operations = [
        {"method": method, "path": path, "curl": schema_words.curl(method, path, operation), **operation}
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    order = [each["name"] for each in described["tags"]]
    operations.sort(key=lambda each: order.index(each["tags"][0]))
    groups = [(name, list(found)) for name, found in groupby(operations, key=lambda each: each["tags"][0])]
    schemas = {name: found for name, found in described["components"]["schemas"].items() if "properties" in found}
    return rendered(
        "docs.html",
        described=described,
        groups=groups,
        schemas=schemas,
        statuses=STATUS_BY_CODE,
        simulated_server=simulated,
        can_log_out=False,
    )
