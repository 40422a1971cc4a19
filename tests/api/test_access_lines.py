"""A line of the log for each request, when its answer has been sent."""

import json
import logging
from collections.abc import Iterator

import pytest

from tests.support.log_lines import Lines, log_lines


@pytest.fixture
def logged() -> Iterator[Lines]:
    """Return all lines so far."""
    with log_lines() as lines:
        yield lines


@pytest.fixture
def lines(logged: Lines) -> Lines:
    """Return the lines of requests so far."""
    return lambda: [line for line in logged() if line["logger"] == "gepa_next.api.edge.access_lines"]


def test_a_request_has_one_line_that_says_who_asked_for_what_and_how_it_went(done, done_id, lines) -> None:
    path = f"/v1/optimize/{done_id}/candidates?limit=1"
    done.client().get(path, headers={"X-Request-ID": "mine-1"}, buffered=True)
    (line,) = lines()
    assert line.pop("duration_ms") > 0
    owner = done.database.row("SELECT token_id FROM jobs WHERE id = ?", (done_id,))["token_id"]
    assert {name: value for name, value in line.items() if name not in {"ts", "pid", "logger"}} == {
        "level": "INFO", "message": "GET /v1/optimize/<job_id>/candidates 422", "request_id": "mine-1",
        "method": "GET", "route": "/v1/optimize/<job_id>/candidates", "status": 422, "owner": owner, "job_id": done_id,
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/healthz", "/v1/readyz", "/v1/metrics", "/v1/metricsz"])
def test_probes_are_of_no_interest(done, lines, path) -> None:
    done.client().get(path, buffered=True)
    assert [line["level"] for line in lines()] == ["DEBUG"]


def test_a_path_that_is_no_route_is_not_shown(done, logged, lines) -> None:
    done.client().get("/canary-of-a-prompt?canary=1", buffered=True)
    done.client().get("/v1/optimize/canary of a prompt", buffered=True)
    done.client(token=None).open("/v1/optimize", method="CANARY", buffered=True)
    assert [line["message"] for line in lines()] == [
        "GET no route 404", "GET /v1/optimize/<job_id> 404", "OTHER no route 405"
    ]  # fmt: skip
    assert "canary" not in json.dumps(logged())


def test_who_is_let_in_by_nothing_has_no_owner(done, lines) -> None:
    done.client(token=None).get("/v1/optimize", buffered=True)
    (line,) = lines()
    assert line["status"] == 401
    assert "owner" not in line


def test_the_line_of_a_stream_comes_when_the_stream_has_ended(service, lines) -> None:
    job_id = service.create()
    service.begin(job_id)
    before = len(lines())
    answer = service.client().get(f"/v1/optimize/{job_id}/events")
    chunks = answer.iter_encoded()
    assert next(chunks).startswith(b"retry:")
    assert len(lines()) == before
    answer.close()
    assert lines()[before]["message"] == "GET /v1/optimize/<job_id>/events 200"
    assert lines()[before]["request_id"] == answer.headers["X-Request-ID"]


def test_an_error_that_nobody_expected_is_a_line_with_its_trace_and_the_id_that_was_answered(open_with, logged) -> None:
    service = open_with()
    service.app.add_url_rule("/broken", "broken", lambda: 1 / 0)
    answer = service.client().get("/broken", buffered=True)
    error, access = logged()
    assert error["request_id"] == access["request_id"] == answer.json["error"]["request_id"]
    assert "ZeroDivisionError" in error["trace"]
    assert (error["level"], access["status"]) == ("ERROR", 500)


def test_what_is_logged_after_a_request_is_not_about_it(done, logged) -> None:
    done.client().get("/v1/version", buffered=True)
    logging.getLogger("gepa_next.test").info("later")
    assert "request_id" not in logged()[-1]
