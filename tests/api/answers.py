"""Read answers: the one error shape, and what it says."""

from typing import Any

from werkzeug.test import TestResponse


def refused(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Return the error after checking that it has the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/json"
    assert list(answer.json) == ["error"]
    error = answer.json["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["code"] == code
    assert error["message"]
    assert error["request_id"] == answer.headers["X-Request-ID"]
    assert all(set(detail) == {"path", "message"} for detail in error["details"])
    return error


def wrong(answer: TestResponse, path: str) -> str:
    """Return what a validation error says about the value at the path."""
    details = refused(answer, 422, "validation_error")["details"]
    said = {detail["path"]: detail["message"] for detail in details}
    assert path in said, details
    return said[path]
