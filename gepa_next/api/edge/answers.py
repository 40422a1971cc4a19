"""Answers that need no more looking after."""

from typing import TYPE_CHECKING

from flask import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers


class CompleteResponse(Response):
    """A response without headers but those that it is given and its length: none is looked for, none is mended."""

    default_mimetype = None

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> "Headers":  # noqa: ARG002 - as Werkzeug calls it
        """Return the headers themselves."""
        return self.headers
