"""An error of each code, as the description of the API shows it."""

from collections.abc import Mapping
from types import MappingProxyType

SAID: Mapping[str, str] = MappingProxyType(
    {
        "invalid_json": "the body is not JSON: Expecting value: line 1 column 1 (char 0)",
        "invalid_request": "this is no HTTP request that the server can read",
        "unauthorized": "send a valid token: Authorization: Bearer TOKEN",
        "cross_origin": "a page of another origin asked for this",
        "forbidden": "this needs the scope write; the token has read",
        "not_found": "there is no such job",
        "method_not_allowed": "nothing is done by this method at this address",
        "not_cancelable": "the job is finished",
        "not_stoppable": "the job is finished",
        "not_resumable": "the job is running",
        "not_pinnable": "the job has no result; say which candidate",
        "not_retestable": "the bank has no new examples for this version; say which to take",
        "precondition_failed": "the active version is not the one of If-Match; read it again",
        "payload_too_large": "the body is larger than 4194304 bytes",
        "unsupported_media_type": "send application/json",
        "idempotency_key_reused": "the key came with another body before",
        "program_not_allowed": "the operator does not allow this program_url",
        "quota_exceeded": "the bank has 1000 of at most 1000 examples, this adds 1; delete some",
        "too_many_jobs": "5 of at most 5 jobs have not ended, this adds 1; try again later",
        "validation_error": "the request is not valid",
        "rate_limited": "too many requests; try again in 3 s",
        "internal_error": "an error in the service; its log says more under this request id",
        "queue_full": "100 jobs are waiting; try again later",
        "shutting_down": "the server is shutting down; try again",
        "store_busy": "another process is writing; try again",
        "store_unavailable": "the database file cannot be used: disk I/O error",
        "too_many_streams": "1000 streams are open; try again later",
        "too_many_streams_of_owner": "5 streams of yours are open; close one",
    }
)
DETAILS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "validation_error": (("population", "must be at most 32"),),
        "forbidden": (("scope", "write"),),
    }
)


def error_sample(code: str) -> dict[str, object]:
    """Return an error of the code."""
    found = [{"path": path, "message": message} for path, message in DETAILS.get(code, ())]
    return {"error": {"code": code, "message": SAID[code], "details": found, "request_id": "9f2c4e1b7a60d853"}}
