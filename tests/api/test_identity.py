"""Whose request it is, when no header says it: stream tokens, the page's cookie, and pages of other origins."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from gepa_next.api.edge.identity import COOKIE, session_of
from gepa_next.tickets import issue_ticket
from gepa_next.tokens.lines import digest_of_token
from tests.api.answers import refused
from tests.support.service import OTHER_TOKEN, TOKEN, Service, open_service
from tests.support.sse import parse_frames

HERE = {"Sec-Fetch-Site": "same-origin"}
ELSEWHERE = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
]


def stream_token(service, job_id, *, token=TOKEN):
    answer = service.client(token).post(f"/v1/optimize/{job_id}/stream-token")
    assert answer.status_code == 200, answer.text
    return answer.json


def ticket(service, token, purpose, *, until) -> str:
    return issue_ticket(digest_of_token(token), purpose, key=service.parts.access.ticket_key, until=until)


def session(service, session_id="0123456789abcdef", *, until) -> str:
    return f"{session_id}.{ticket(service, TOKEN, session_of(session_id), until=until)}"


@pytest.fixture(scope="module")
def done(tmp_path_factory, no_settings_from_outside) -> Iterator[Service]:
    """A service of these tests' own: failed log-ins are counted."""
    with closing(open_service(tmp_path_factory.mktemp("identity"))) as service:
        service.finished_job()
        yield service


@pytest.fixture(scope="module")
def done_id(done) -> str:
    return done.client().get("/v1/optimize").json["items"][0]["job_id"]


@pytest.fixture
def visitor(done):
    """A client with the cookie that a page sends, and no token."""
    client = done.client(token=None)
    client.set_cookie(COOKIE, session(done, until=time.time() + 9))
    return client


def test_a_stream_token_opens_the_stream_of_its_job_without_a_header(done, done_id) -> None:
    given = stream_token(done, done_id)
    answer = done.client(token=None).get(given["url"])
    assert answer.status_code == 200
    assert [each.type for each in parse_frames(answer.text) if each.is_event][-1] == "finished"
    assert 0 < given["expires_at"] - time.time() <= 301


def test_a_stream_token_goes_on_after_the_last_event_of_the_query(done, done_id) -> None:
    answer = done.client(token=None).get(stream_token(done, done_id)["url"] + "&last_event_id=3")
    assert next(each.id for each in parse_frames(answer.text) if each.is_event) == 4


@pytest.mark.parametrize("rest", ["", "/candidates", "/artifacts", "/artifacts/prompt.txt"])
def test_a_stream_token_opens_nothing_else(done, done_id, rest) -> None:
    path = f"/v1/optimize/{done_id}{rest}?stream_token={stream_token(done, done_id)['stream_token']}"
    refused(done.client(token=None).get(path), 401, "unauthorized")


def test_a_stream_token_opens_no_other_job(open_with) -> None:
    service = open_with()
    first, second = service.create(), service.create()
    service.client().delete(f"/v1/optimize/{second}")  # so that its stream would end
    token = stream_token(service, first)["stream_token"]
    refused(service.client(token=None).get(f"/v1/optimize/{second}/events?stream_token={token}"), 401, "unauthorized")


def test_a_stream_token_ends(done, done_id) -> None:
    over = ticket(done, TOKEN, f"stream/{done_id}", until=time.time() - 1)
    answer = done.client(token=None).get(f"/v1/optimize/{done_id}/events?stream_token={over}")
    refused(answer, 401, "unauthorized")


def test_a_stream_token_signed_by_another_token_finds_no_job(done, done_id) -> None:
    theirs = ticket(done, OTHER_TOKEN, f"stream/{done_id}", until=time.time() + 9)
    refused(done.client(token=None).get(f"/v1/optimize/{done_id}/events?stream_token={theirs}"), 404, "not_found")


def test_a_stream_token_ends_with_the_token_it_was_made_with(open_with) -> None:
    service = open_with()
    job_id = service.create()
    url = stream_token(service, job_id)["url"]
    refused(open_with(api_bearer_tokens=[OTHER_TOKEN]).client(token=None).get(url), 401, "unauthorized")


def test_another_token_gets_no_stream_token_for_a_job(done, done_id) -> None:
    refused(done.client(OTHER_TOKEN).post(f"/v1/optimize/{done_id}/stream-token"), 404, "not_found")


def test_a_wrong_header_is_not_made_up_for_by_a_cookie(visitor) -> None:
    refused(visitor.get("/v1/optimize", headers={"Authorization": "Bearer nobody"}), 401, "unauthorized")


def test_a_cookie_reads_what_its_token_reads(visitor, done_id) -> None:
    assert [each["job_id"] for each in visitor.get("/v1/optimize").json["items"]] == [done_id]


@pytest.mark.parametrize("value", ["", "x", f"9999999999.{'0' * 64}", f"{'0' * 16}.9999999999.{'0' * 64}"])
def test_a_cookie_that_nobody_signed_opens_nothing(done, value) -> None:
    client = done.client(token=None)
    client.set_cookie(COOKIE, value)
    refused(client.get("/v1/optimize"), 401, "unauthorized")


def test_a_ticket_of_one_session_is_none_of_another(done) -> None:
    good = session(done, until=time.time() + 9)
    client = done.client(token=None)
    client.set_cookie(COOKIE, good.replace("0123456789abcdef", "0123456789abcdee"))
    refused(client.get("/v1/optimize"), 401, "unauthorized")


@pytest.mark.parametrize("headers", ELSEWHERE)
@pytest.mark.parametrize(
    ("method", "rest"), [("DELETE", ""), ("POST", "/stop"), ("POST", "/resume"), ("POST", "/stream-token")]
)
def test_a_cookie_changes_nothing_for_a_page_of_another_origin(visitor, done_id, method, rest, headers) -> None:
    refused(visitor.open(f"/v1/optimize/{done_id}{rest}", method=method, headers=headers), 403, "cross_origin")


@pytest.mark.parametrize(
    "headers", [HERE, {"Origin": "http://localhost"}, {**HERE, "Origin": "https://behind.a.proxy"}]
)
def test_a_cookie_acts_for_a_page_of_this_server(visitor, done_id, headers) -> None:
    answer = visitor.post(f"/v1/optimize/{done_id}/stop", headers=headers)
    refused(answer, 409, "not_stoppable")


def test_a_token_in_a_header_may_come_from_any_page(done, done_id) -> None:
    answer = done.client().post(f"/v1/optimize/{done_id}/stop", headers={"Origin": "https://any.example"})
    refused(answer, 409, "not_stoppable")


@pytest.fixture
def open_server(open_with):
    """A server that asks for no token, with a job to stop."""
    service = open_with(require_auth=False, api_bearer_tokens=[], cors_allowed_origins="https://a.example")
    return service, f"/v1/optimize/{service.create()}/stop"


@pytest.mark.parametrize("headers", [each for each in ELSEWHERE if each])
def test_without_authentication_a_page_of_another_origin_changes_nothing_either(open_server, headers) -> None:
    service, path = open_server
    refused(service.client(token=None).post(path, headers=headers), 403, "cross_origin")


@pytest.mark.parametrize("headers", [{}, HERE, {"Origin": "https://a.example", "Sec-Fetch-Site": "cross-site"}])
def test_without_authentication_programs_and_known_origins_may_act(open_server, headers) -> None:
    service, path = open_server
    assert service.client(token=None).post(path, headers=headers).status_code == 202
