"""The request under way, with what the edge finds out about it."""

from flask import Request, request

from gepa_next.api.edge.headers import REQUEST_ID
from gepa_next.tokens.lines import Token


class Asked(Request):
    """A request: by what token, None before that is known, and what its answer says of the rate, nothing if empty."""

    token: Token | None = None
    rate_limit = ""

    @property
    def request_id(self) -> str:
        """The id that it came with, or was given."""
        return str(self.environ[REQUEST_ID])


def asked() -> Asked:
    """Return the request under way itself: to look at it through Flask's stand-in takes longer than the look."""
    found: Asked = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - of the stand-in
    return found
