"""Tokens of a file: by name, with scopes, an end and limits, replaced while the service runs."""

import re
import time

import pytest

from gepa_next.api.edge.identity import COOKIE
from gepa_next.tokens.private_file import write_private
from tests.api.answers import refused
from tests.support.service import SMALL_JOB, TOKEN

ADA, ADA_TOO, READER, WRITER, SCRAPER, BOB = (
    f"{name}-0123456789-abcdef" for name in ("ada", "too", "reader", "writer", "scraper", "bob")
)
FILE = f"""
ada read,write {ADA}
ada read,write {ADA_TOO}
ada read {READER}
ada write {WRITER}
scraper admin {SCRAPER}
bob read,write {BOB}
"""
HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def path(tmp_path):
    write_private(tmp_path / "tokens", FILE, over=True)
    return tmp_path / "tokens"


@pytest.fixture
def service(open_with, path):
    return open_with(api_tokens_file=str(path), metrics_require_auth=True)


def test_tokens_of_one_name_see_the_same_and_those_of_others_do_not(service) -> None:
    job_id = service.create(token=ADA)
    assert [service.client(each).get(f"/v1/optimize/{job_id}").status_code for each in (ADA, ADA_TOO, READER)] == [
        200
    ] * 3
    for other in (BOB, TOKEN):
        refused(service.client(other).get(f"/v1/optimize/{job_id}"), 404, "not_found")


def test_settings_are_shown_to_the_operator_alone(service) -> None:
    shown = {each: service.client(each).get("/v1/version").json["settings"] for each in (ADA, READER, WRITER, SCRAPER)}
    assert {each for each, settings in shown.items() if settings is not None} == {SCRAPER}
    assert shown[SCRAPER]["API_TOKENS_FILE"] == service.settings.api_tokens_file


def test_an_idempotency_key_belongs_to_the_name(service) -> None:
    asked = {"json": SMALL_JOB, "headers": {"Idempotency-Key": "k"}}
    answers = [service.client(each).post("/v1/optimize", **asked) for each in (ADA, ADA_TOO, BOB)]
    assert [each.status_code for each in answers] == [201, 200, 201]


def test_a_token_is_replaced_without_a_restart(service, path) -> None:
    job_id = service.create(token=ADA)
    write_private(path, f"ada read {ADA_TOO}", over=True)
    refused(service.client(ADA).get(f"/v1/optimize/{job_id}"), 401, "unauthorized")
    assert service.client(ADA_TOO).get(f"/v1/optimize/{job_id}").status_code == 200


def test_a_slip_in_the_file_is_told_by_readyz_and_nobody_is_locked_out(service, path) -> None:
    write_private(path, "ada read", over=True)
    assert service.client(ADA).get("/v1/optimize").status_code == 200
    said = [service.client(each).get("/v1/readyz").json["checks"]["tokens"] for each in (None, "wrong", ADA, TOKEN)]
    short = "warning: the file cannot be used, what it said before holds"
    assert said[:3] == [short] * 3
    assert said[3].startswith(f"{short}: line 1")


def test_readyz_sees_a_slip_before_anybody_comes(service, path) -> None:
    assert service.client(None).get("/v1/readyz").json["checks"]["tokens"] == "ok"
    path.chmod(0o644)
    assert "chmod 600" in service.client().get("/v1/readyz").json["checks"]["tokens"]


@pytest.mark.parametrize(
    ("method", "rest"),
    [("POST", ""), ("DELETE", "/a"), ("POST", "/a/stop"), ("POST", "/a/resume"), ("POST", "/a/fork")],
)
def test_who_may_only_read_changes_nothing(service, method, rest) -> None:
    answer = service.client(READER).open(f"/v1/optimize{rest}", method=method, json=SMALL_JOB)
    error = refused(answer, 403, "forbidden")
    assert error["details"] == [{"path": "scope", "message": "write"}]
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="write"'


def test_who_may_only_write_reads_nothing(service) -> None:
    job_id = service.create(token=WRITER)
    for rest in ("", f"/{job_id}", f"/{job_id}/events", f"/{job_id}/artifacts"):
        error = refused(service.client(WRITER).get(f"/v1/optimize{rest}"), 403, "forbidden")
        assert error["details"][0]["message"] == "read"


def test_a_quote_and_a_stream_token_only_read(service) -> None:
    job_id = service.create(token=ADA)
    reader = service.client(READER)
    assert reader.post("/v1/optimize/quote", json=SMALL_JOB).status_code == 200
    assert reader.post(f"/v1/optimize/{job_id}/fork/quote").status_code not in {401, 403}
    assert reader.post("/v1/comparisons/quote", json={}).status_code == 422
    assert reader.post(f"/v1/optimize/{job_id}/stream-token").status_code == 200


@pytest.mark.parametrize("route", ["/v1/metrics", "/v1/metricsz"])
def test_closed_metrics_are_the_admin_s(service, route) -> None:
    assert service.client(SCRAPER).get(route).status_code == 200
    assert service.client(TOKEN).get(route).status_code == 200
    refused(service.client(ADA).get(route), 403, "forbidden")


def test_an_admin_sees_no_job_of_others(service) -> None:
    refused(service.client(SCRAPER).get(f"/v1/optimize/{service.create(token=ADA)}"), 403, "forbidden")


def test_a_page_is_as_good_as_the_token_behind_it(service, path) -> None:
    job_id = service.create(token=ADA)
    visitor = service.client(None)
    assert visitor.post("/login", data={"token": READER}, headers=HERE).status_code == 303
    assert visitor.get(f"/jobs/{job_id}").status_code == 200
    refused(visitor.delete(f"/v1/optimize/{job_id}", headers=HERE), 403, "forbidden")
    write_private(path, f"ada read,write {ADA}", over=True)
    assert visitor.get(f"/jobs/{job_id}").status_code == 303
    refused(visitor.get(f"/v1/optimize/{job_id}"), 401, "unauthorized")


def test_who_may_only_read_gets_a_quote_by_the_form_and_is_told_what_starting_takes(service) -> None:
    visitor = service.client(None)
    visitor.post("/login", data={"token": READER}, headers=HERE)
    form = {"prompt": "Add the two numbers."}
    quote = visitor.post("/new", data={**form, "act": "quote"}, headers=HERE)
    assert quote.status_code == 200
    assert "rollouts expected" in quote.text
    assert "with the scope <code>write</code>" in quote.text
    assert 'value="start"' not in quote.text
    quoted = re.search(r'name="quoted" value="([^"]+)"', quote.text)[1]
    answer = visitor.post("/new", data={**form, "act": "start", "quoted": quoted}, headers=HERE)
    assert answer.status_code == 403
    assert "this needs the scope write; the token has read" in answer.text
    assert service.client(ADA).get("/v1/optimize").json["items"] == []


def test_a_page_for_who_may_not_read_says_so(service) -> None:
    answer = service.client(WRITER).get("/")
    assert answer.status_code == 403
    assert "scope read" in answer.text


@pytest.mark.parametrize(("token", "has"), [(WRITER, "write"), (SCRAPER, "admin")])
def test_a_token_that_opens_no_page_is_told_so_when_it_logs_in(service, token, has) -> None:
    answer = service.client(None).post("/login", data={"token": token}, headers=HERE)
    assert answer.status_code == 403
    assert f"this needs the scope read; the token has {has}" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_stream_token_ends_with_the_token_that_it_is_of_and_not_with_the_name(service, path) -> None:
    job_id = service.create(token=ADA)
    service.client(ADA).delete(f"/v1/optimize/{job_id}")
    url = service.client(READER).post(f"/v1/optimize/{job_id}/stream-token").json["url"]
    assert service.client(None).get(url).status_code == 200
    write_private(path, f"ada read,write {ADA}", over=True)
    refused(service.client(None).get(url), 401, "unauthorized")


def test_a_stream_that_is_open_ends_with_its_token(service, path) -> None:
    job_id = service.create(token=ADA)
    service.begin(job_id)
    stream = service.client(ADA).get(f"/v1/optimize/{job_id}/events", buffered=False)
    chunks = iter(stream.response)
    assert b"retry:" in next(chunks)
    assert b"started" in next(chunks)
    write_private(path, f"bob read {BOB}", over=True)
    service.tell(job_id)
    assert list(chunks) == []


def test_a_name_may_have_its_own_number_of_open_streams(open_with, path) -> None:
    write_private(path, f"ada read,write {ADA} streams=1\nbob read,write {BOB} streams=0", over=True)
    service = open_with(api_tokens_file=str(path), owner_max_streams=2)
    urls = {token: f"/v1/optimize/{service.create(token=token)}/events" for token in (ADA, BOB)}
    opened = [service.client(token).get(urls[token], buffered=False) for token in (ADA, BOB, BOB, BOB)]
    assert [b"retry:" in next(iter(each.response)) for each in opened] == [True] * 4
    refused(service.client(ADA).get(urls[ADA]), 429, "too_many_streams_of_owner")
    for each in opened:
        each.close()


def test_an_expired_token_is_no_token(service, path) -> None:
    write_private(path, f"ada read {ADA} expires={time.gmtime().tm_year - 1}-01-01", over=True)
    refused(service.client(ADA).get("/v1/optimize"), 401, "unauthorized")


def test_a_name_may_have_a_pace_of_its_own(open_with, path) -> None:
    write_private(path, f"ada read {ADA} requests_per_min=1\nbob read {BOB} requests_per_min=0", over=True)
    service = open_with(api_tokens_file=str(path), rate_limit_per_min=600, rate_limit_burst=1)
    ada, bob = service.client(ADA), service.client(BOB)
    answers = [ada.get("/v1/optimize"), ada.get("/v1/optimize")]
    refused(answers[1], 429, "rate_limited")
    assert answers[0].headers["RateLimit"] == "limit=1, remaining=0, reset=0"
    assert 2 <= int(answers[1].headers["Retry-After"]) <= 60
    assert {bob.get("/v1/optimize").status_code for _ in range(5)} == {200}


def test_without_authentication_the_file_is_not_asked(open_with, tmp_path) -> None:
    service = open_with(require_auth=False, api_bearer_tokens=[], api_tokens_file=str(tmp_path / "none"))
    assert service.client(None).get("/v1/optimize").status_code == 200
    assert service.client(None).get("/v1/readyz").json["checks"]["tokens"] == "skipped"


def test_who_knows_the_digest_of_a_token_gets_nowhere_with_it(service) -> None:
    digest = service.parts.access.tokens.digests()[0]
    refused(service.client(digest).get("/v1/optimize"), 401, "unauthorized")
    visitor = service.client(None)
    visitor.set_cookie(COOKIE, digest)
    refused(visitor.get("/v1/optimize"), 401, "unauthorized")
