"""What can go wrong between a program and the service, as exceptions.

ClientError               the service refused; `code` is one of docs/API.md
└── NoServerError         nobody answers there, or not this service
"""

import http.client
import ssl
from collections.abc import Sequence

import requests

BUSY = frozenset({429, 503})
AWAY = frozenset({502, 503, 504})


class ClientError(Exception):
    """Report a refusal of the service by its code; `details` are (path, message)."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        details: Sequence[tuple[str, str]] = (),
        request_id: str | None = None,
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__("; ".join([f"{code}: {message}", *(f"{path}: {said}" for path, said in details)]))
        self.code = code
        self.message = message
        self.status = status
        self.details = tuple(details)
        self.request_id = request_id
        self.retry_after_s = retry_after_s

    @property
    def is_busy(self) -> bool:
        """Whether the service did nothing and asks to be asked again."""
        return self.status in BUSY


class NoServerError(ClientError):
    """Report that nothing of ours answered: `unreachable`, `tls_failed` or `not_gepa_next`."""

    @property
    def is_busy(self) -> bool:
        """Never: whoever answered, it was not the service."""
        return False

    @property
    def may_pass(self) -> bool:
        """Whether a server that was there before may be there again soon."""
        return self.code == "unreachable" or self.status in AWAY


def refusal(answer: requests.Response) -> ClientError:
    """Return the error that an answer other than 2xx stands for."""
    try:
        error = answer.json()["error"]
        return ClientError(
            str(error["code"]),
            str(error["message"]),
            status=answer.status_code,
            details=[(str(each["path"]), str(each["message"])) for each in error["details"]],
            request_id=str(error["request_id"]),
            retry_after_s=_retry_after_s(answer),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return not_ours(answer)


def not_ours(answer: requests.Response) -> NoServerError:
    """Return the error for an answer that this service would not give."""
    kind = answer.headers.get("Content-Type", "no content type")
    said = f"it answers {answer.status_code} with {kind}"
    if "Location" in answer.headers:
        said += f" and leads to {answer.headers['Location']}"
    return NoServerError(
        "not_gepa_next", f"{_origin(answer)} is no gepa-next server: {said}", status=answer.status_code
    )


def unreachable(url: str, error: Exception) -> NoServerError:
    """Return the error for a connection that could not be made or broke."""
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLError):
        said = getattr(cause, "verify_message", "") or cause.reason or str(cause)
        return NoServerError("tls_failed", f"no trusted connection to {url}: {said}")
    if isinstance(cause, http.client.HTTPException) and not isinstance(cause, OSError | http.client.IncompleteRead):
        return NoServerError("not_gepa_next", f"{url} is no gepa-next server: it does not speak HTTP")
    return NoServerError("unreachable", f"{url} cannot be reached: {_said(cause)}")


def _said(cause: BaseException) -> str:
    """Return what the system says of it, and nothing of what Python says of an answer that ends in its middle."""
    broke = "the connection broke"
    return cause.strerror or str(cause) or broke if isinstance(cause, OSError) else broke


def _innermost(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _retry_after_s(answer: requests.Response) -> float:
    said = answer.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() else 0.0


def _origin(answer: requests.Response) -> str:
    return "/".join(str(answer.url).split("/", 3)[:3])
