"""Whatever goes wrong has one shape, a request id, and never becomes a 500 by the client's doing."""

import pytest

from tests.api.answers import refused, wrong


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/v1/optimize/", "/v1/optimize/a/b", "/v1/%00", "/é"])
def test_an_unknown_path_is_404(done, path) -> None:
    refused(done.client().get(path), 404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_wrong_method_is_405_with_what_is_allowed(done, method) -> None:
    answer = done.client().open("/v1/optimize", method=method)
    refused(answer, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("job_id", ["nothing", "%00", "%ff", "a" * 500, "..", "²"])
@pytest.mark.parametrize("rest", ["", "/events", "/candidates", "/artifacts", "/artifacts/prompt.txt"])
def test_an_unknown_job_is_404_on_every_route(done, job_id, rest) -> None:
    refused(done.client().get(f"/v1/optimize/{job_id}{rest}"), 404, "not_found")


def test_an_unknown_job_cannot_be_cancelled(done) -> None:
    refused(done.client().delete("/v1/optimize/nothing"), 404, "not_found")


def test_an_unknown_artifact_is_404_and_the_known_ones_are_named(done, done_id) -> None:
    error = refused(done.client().get(f"/v1/optimize/{done_id}/artifacts/result.exe"), 404, "not_found")
    assert "prompt.txt" in error["message"]


@pytest.mark.parametrize(
    "path",
    ["", "/{job}", "/{job}/events", "/{job}/candidates", "/{job}/artifacts", "/{job}/artifacts/prompt.txt"],
)
def test_an_unknown_query_value_is_422_on_every_route(done, done_id, path) -> None:
    url = f"/v1/optimize{path.format(job=done_id)}?sort=asc"
    assert "unknown" in wrong(done.client().get(url), "sort")


@pytest.mark.parametrize("limit", ["0", "-1", "501", "ten", "", "1.0", "²", "٣", "1_0", " 1", "9" * 40])
@pytest.mark.parametrize("path", ["/v1/optimize", "/v1/examples"])
def test_a_limit_is_a_number_from_1_to_500(done, path, limit) -> None:
    answer = done.client().get(path, query_string={"limit": limit})
    assert wrong(answer, "limit") == "a whole number from 1 to 500"


@pytest.mark.parametrize("status", ["done", "", "FINISHED", "queued,running", "²"])
def test_a_status_is_one_of_the_five(done, status) -> None:
    said = wrong(done.client().get("/v1/optimize", query_string={"status": status}), "status")
    assert said == "one of queued, running, finished, failed, cancelled"


CURSORS = ["", "x", "²", "%", "bm8=", "W10", "WyJhIl0", "WzFd", "WzEsMl0", "W05hTiwgImEiXQ", "WzFlOTk5LCAiYSJd",
           "bnVsbA",
           "WzEuMCwgIlx1ZDgwMCJd", "WzEuMCwgIlx1MDAwMCJd", "WyJcdWQ4MDAiXQ", "W1tbW1tb" * 500]  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/optimize", "/v1/examples"])
@pytest.mark.parametrize("text", CURSORS)
def test_a_cursor_that_no_list_gave_is_422(done, path, text) -> None:
    if (path, text) == ("/v1/examples", "WyJhIl0"):
        pytest.skip("that is a cursor of this list")
    wrong(done.client().get(path, query_string={"cursor": text}), "cursor")


def test_a_request_id_comes_back(done) -> None:
    answer = done.client().get("/v1/nothing", headers={"X-Request-ID": "mine-1"})
    assert answer.headers["X-Request-ID"] == "mine-1"
    assert answer.json["error"]["request_id"] == "mine-1"


@pytest.mark.parametrize("given", ["", "a b", "é", "a" * 129, "a\tb"])
def test_an_unusable_request_id_is_replaced(done, given) -> None:
    made = done.client().get("/v1/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert made
    assert made != given


def test_an_error_of_ours_is_a_500_that_tells_nothing(service) -> None:
    service.app.add_url_rule("/v1/broken", view_func=lambda: {}["secret"])
    service.app.view_functions["<lambda>"].is_open = True
    error = refused(service.client().get("/v1/broken"), 500, "internal_error")
    assert "secret" not in error["message"]


def test_a_database_that_fails_is_503_with_retry_after(service) -> None:
    service.database.write(lambda db: db.execute("DROP TABLE jobs"))
    answer = service.client().get("/v1/optimize")
    refused(answer, 503, "store_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
