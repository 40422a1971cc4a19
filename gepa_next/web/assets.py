"""Static files: read once, named by what is in them, cached for ever."""

import base64
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType

from flask import Blueprint, Response, request

from gepa_next.api.edge.auth import open_route
from gepa_next.errors import NotFoundError
from gepa_next.web.packing import gzipped, takes_gzip

bp = Blueprint("assets", __name__, url_prefix="/static")

TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
SMALLEST = 9  # once for each file, when the process starts
FOR_EVER = "public, max-age=31536000, immutable"
_FOLDER = files("gepa_next.web").joinpath("static")
FILES: Mapping[str, bytes] = MappingProxyType(
    {each.name: each.read_bytes() for each in sorted(_FOLDER.iterdir(), key=lambda each: each.name)}
)
PACKED: Mapping[str, bytes] = MappingProxyType(
    {name: b"".join(gzipped([content], level=SMALLEST)) for name, content in FILES.items()}
)
EDITION = sha256(b"".join(FILES.values())).hexdigest()[:12]
STYLE = FILES["style.css"].decode()
# The stylesheet stands in the page, so that its first paint takes one request. Its hash lets it in, and nothing else.
STYLE_HASH = base64.b64encode(sha256(STYLE.encode()).digest()).decode()


@bp.get("/<edition>/<name>")
@open_route
def static_file(edition: str, name: str) -> Response:
    """Return a file; one of another edition is what there is now, and is not kept."""
    if name not in FILES:
        raise NotFoundError("there is no such file")
    response = Response(FILES[name], content_type=TYPES[name.rpartition(".")[2]])
    response.headers["Cache-Control"] = FOR_EVER if edition == EDITION else "no-cache"
    response.set_etag(f"{EDITION}-{name}")
    if takes_gzip(response):
        response.set_data(PACKED[name])
        response.headers["Content-Encoding"] = "gzip"
        response.set_etag(f"{EDITION}-{name}-gzip")
    response.make_conditional(request)
    return response


def url_of(name: str) -> str:
    """Return the path of a static file."""
    return f"/static/{EDITION}/{name}"


def scripts() -> list[str]:
    """Return the paths of all scripts."""
    return [url_of(name) for name in FILES if name.endswith(".js")]
