"""What a browser must not do with an answer stands in the headers of every answer."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from gepa_next.api.edge.headers import EVERYWHERE
from tests.support.service import OTHER_TOKEN, SMALL_JOB, TOKEN, Service, open_service

POLICIES = {"Content-Security-Policy": "frame-ancestors 'none'", "Referrer-Policy": "same-origin"}  # of pages
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def done(tmp_path_factory, no_settings_from_outside) -> Iterator[Service]:
    """A service of these tests' own: failed log-ins are counted."""
    with closing(open_service(tmp_path_factory.mktemp("headers"))) as service:
        service.finished_job()
        yield service


@pytest.fixture(scope="module")
def done_id(done) -> str:
    return done.client().get("/v1/optimize").json["items"][0]["job_id"]


def problems(answer) -> list[str]:
    """Return which headers are not as they must be."""
    wrong = [
        name
        for name, value in EVERYWHERE.items()
        if answer.headers.get(name) != value and POLICIES.get(name, value) not in answer.headers.get(name, "")
    ]
    policy = answer.headers.get("Content-Security-Policy", "")
    if re.search(r"unsafe|\*|https?:|data:", policy):
        wrong.append(policy)
    if not re.fullmatch(r"[!-~]{1,128}", answer.headers.get("X-Request-ID", "")):
        wrong.append("X-Request-ID")
    names = Counter(name.lower() for name, _ in answer.headers)
    wrong += [f"{name} twice" for name, times in names.items() if times > 1 and name != "set-cookie"]
    return wrong + [name for name, _ in answer.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("token", [TOKEN, OTHER_TOKEN, None], ids=["owner", "other", "nobody"])
def test_every_answer_of_every_route_has_them(done, done_id, token) -> None:
    ids = {"job_id": done_id, "name": "prompt.txt", "number": "1", "candidate_id": "0", "example_id": "e1"}
    client, found, statuses = done.client(token), {}, set()
    for rule in done.app.url_map.iter_rules():
        for method in rule.methods - {"DELETE", "PUT"}:
            path = re.sub(r"<(\w+)>", lambda name: ids.get(name[1], "x"), rule.rule)
            answer = client.open(path, method=method, json={} if method == "POST" else None, headers=HERE)
            statuses.add(answer.status_code)
            found[f"{method} {path}"] = problems(answer)
    assert {route: said for route, said in found.items() if said} == {}
    assert statuses >= {200, 401 if token is None else 404}


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("GET", "/v1/optimize/%0d%0aX-Evil:1", {}, 404),
        ("PATCH", "/v1/optimize", {}, 405),
        ("OPTIONS", "/v1/optimize", {}, 200),
        ("OPTIONS", "/v1/optimize", {"headers": {"Access-Control-Request-Method": "PUT", "Origin": "https://x"}}, 204),
        ("POST", "/v1/optimize", {"data": "{", "content_type": "application/json"}, 400),
        ("POST", "/v1/optimize", {"data": "x", "content_type": "text/plain"}, 415),
        ("POST", "/v1/optimize", {"json": {"prompt": "a" * 5_000_000}}, 413),
        ("GET", "/static/x/app.js", {}, 404),
        ("GET", "/static/x/style.css", {}, 200),
        ("GET", "/jobs/nothing", {}, 404),
        ("POST", "/logout", {"headers": HERE}, 303),
    ],
)
def test_refusals_have_them_too(done, method, path, options, status) -> None:
    answer = done.client().open(path, method=method, **options)
    assert (answer.status_code, problems(answer)) == (status, [])
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(("headers", "status"), [(HERE, 401), ({}, 403)])
def test_a_refused_log_in_has_them_too(service, headers, status) -> None:
    answer = service.client(None).post("/login", data={"token": "x"}, headers=headers)
    assert (answer.status_code, problems(answer)) == (status, [])


def test_an_error_of_ours_has_them_too(service) -> None:
    service.app.add_url_rule("/v1/broken", view_func=lambda: {}["secret"])
    answer = service.client().get("/v1/broken")
    assert (answer.status_code, problems(answer)) == (500, [])


def test_a_stream_has_them_too(done, done_id) -> None:
    answer = done.client().get(f"/v1/optimize/{done_id}/events")
    assert answer.content_type.startswith("text/event-stream")
    assert problems(answer) == []


@pytest.mark.parametrize(
    "given", ["x\r\nSet-Cookie: a=1", "https://evil.example/", "//evil.example", "/\\evil.example"]
)
def test_a_log_in_leads_nowhere_else(done, given) -> None:
    answer = done.client(None).post("/login", data={"token": TOKEN, "next": given}, headers=HERE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    "name",
    ["..", "../../config.py", "..%2f..%2fconfig.py", "%2e%2e/prompt.txt", "prompt.txt%00.html", "/etc/passwd",
     "C:prompt.txt", "prompt.txt/", "PROMPT.TXT", "prompt.txt%0d%0aX-Evil:1", "//prompt.txt", "./prompt.txt", "%00",
     "..\\..\\config.py", "..%5cconfig.py", "\uff0e\uff0e/config.py", "%c0%ae%c0%ae/config.py", "prompt\u2024txt",
     "prompt.txt%E2%80%8B", "prompt.txt.", "prompt.txt;x", "%252e%252e/config.py"],
)  # fmt: skip
def test_an_artifact_has_its_name_and_no_other(done, done_id, name) -> None:
    answer = done.client().get(f"/v1/optimize/{done_id}/artifacts/{name}")
    assert answer.status_code == 404
    assert "X-Evil" not in answer.headers


def test_what_was_made_is_named_by_us_and_not_by_the_request(service) -> None:
    hostile = {**SMALL_JOB, "prompt": "a\r\nX-Evil: 1", "metadata": {"x": "\r\nX-Evil: 1"}}
    answer = service.client().post("/v1/optimize", json=hostile, headers={"Idempotency-Key": "k"})
    assert re.fullmatch(r"/v1/optimize/[A-Za-z0-9_]+", answer.headers["Location"])
    assert "X-Evil" not in answer.headers
