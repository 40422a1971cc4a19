"""One error shape for every 4xx and 5xx, and the one table from code to HTTP status."""

import logging
from collections.abc import Mapping
from types import MappingProxyType

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from gepa_next.api.edge.asked import asked
from gepa_next.errors import InvalidError, RefusedError, StoreError

log = logging.getLogger(__name__)

STATUS_BY_CODE: Mapping[str, int] = MappingProxyType(
    {
        "invalid_json": 400,
        "invalid_request": 400,  # 414, 417, 431 and 501 too: serving.answers
        "unauthorized": 401,
        "cross_origin": 403,
        "forbidden": 403,
        "quota_exceeded": 403,
        "not_found": 404,
        "method_not_allowed": 405,
        "not_cancelable": 409,
        "not_stoppable": 409,
        "not_resumable": 409,
        "not_pinnable": 409,
        "not_retestable": 409,
        "precondition_failed": 412,
        "payload_too_large": 413,
        "unsupported_media_type": 415,
        "idempotency_key_reused": 422,
        "program_not_allowed": 422,
        "validation_error": 422,
        "rate_limited": 429,
        "too_many_jobs": 429,
        "too_many_streams_of_owner": 429,
        "internal_error": 500,
        "queue_full": 503,
        "shutting_down": 503,
        "store_busy": 503,
        "store_unavailable": 503,
        "too_many_streams": 503,
    }
)
RETRY_AFTER_S = 5
COME_AGAIN = frozenset({"too_many_jobs", "too_many_streams_of_owner"})
_SAID_BY_CODE = {
    "not_found": "there is nothing at this address",
    "method_not_allowed": "nothing is done by this method at this address",
}
_CODE_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "payload_too_large", 415: "unsupported_media_type"}


def error_response(code: str, message: str, details: list[dict[str, str]] | None = None) -> Response:
    """Return the response for an error code, with the headers that belong to its status."""
    error = {"code": code, "message": message, "details": details or [], "request_id": asked().request_id}
    response = jsonify({"error": error})
    response.status_code = STATUS_BY_CODE[code]
    if response.status_code == STATUS_BY_CODE["unauthorized"]:
        response.headers["WWW-Authenticate"] = "Bearer"
    if response.status_code == STATUS_BY_CODE["shutting_down"] or code in COME_AGAIN:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def register_error_handlers(app: Flask) -> None:
    """Answer every error of the application in the one shape."""
    app.register_error_handler(RefusedError, _refused)
    app.register_error_handler(StoreError, _store)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _refused(error: RefusedError) -> Response:
    details = (
        [{"path": path, "message": message} for path, message in error.details]
        if isinstance(error, InvalidError)
        else []
    )
    return error_response(error.code, error.message, details)


def _store(error: StoreError) -> Response:
    log.error("the store failed: %s", error.message)
    return error_response("store_unavailable", error.message)


def _http(error: HTTPException) -> Response:
    code = _CODE_BY_STATUS.get(error.code or 0)
    if code is None:
        known_client_error = error.code is not None and error.code < STATUS_BY_CODE["internal_error"]
        code = "validation_error" if known_client_error else "internal_error"
    response = error_response(code, _SAID_BY_CODE.get(code) or error.description or error.name)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return error_response("internal_error", "an error in the service; its log says more under this request id")
