"""Who was refused is in the log: from where, once for each, in no more lines than a disk can bear, and no secret."""

import json
import re
from collections.abc import Iterator

import pytest

from gepa_next.api.edge.identity import COOKIE
from gepa_next.api.edge.rates import RateLimiter
from gepa_next.api.edge.refused_tokens import LINES_PER_MIN, RefusedTokens
from gepa_next.app import FAILURES_PER_MIN
from tests.docs.pages import page
from tests.support.log_lines import Lines, log_lines
from tests.support.service import Service

HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Return the lines so far that say who was refused."""
    with log_lines() as logged:
        yield lambda: [line for line in logged() if line["logger"] == "gepa_next.api.edge.refused_tokens"]


def test_a_refused_token_is_one_line_with_address_and_request_and_without_the_token(
    service: Service, lines: Lines
) -> None:
    service.client("canary-0123456789").get("/v1/optimize", headers={"X-Request-ID": "mine-1"})
    (line,) = lines()
    assert {name: value for name, value in line.items() if name not in {"ts", "pid", "logger"}} == {
        "level": "WARNING", "message": "refused a token from 127.0.0.1", "request_id": "mine-1", "address": "127.0.0.1",
    }  # fmt: skip


def test_whatever_was_shown_is_named_and_who_shows_nothing_is_no_concern(service: Service, lines: Lines) -> None:
    client = service.client(token=None)
    client.get("/v1/optimize")
    client.get("/")
    client.get("/v1/version", headers={"Authorization": "Bearer canary"})
    client.get("/login", headers={"Authorization": "Bearer canary"})
    client.post("/login", data={"token": "canary"}, headers=HERE)
    client.get("/v1/optimize/a/events?stream_token=canary")
    client.set_cookie(COOKIE, "canary")
    client.get("/v1/optimize")
    assert [line["message"].removesuffix(" from 127.0.0.1") for line in lines()] == [
        "refused a token", "refused a token", "refused a log-in", "refused a stream token", "refused a session"
    ]  # fmt: skip
    assert "canary" not in json.dumps(lines())


def test_who_is_let_in_and_who_may_not_do_it_are_not_in_it(service: Service, lines: Lines) -> None:
    service.client().get("/v1/optimize")
    service.client().get("/login")
    assert lines() == []


def test_who_has_failed_too_often_gets_no_more_lines(service: Service, lines: Lines) -> None:
    for _ in range(FAILURES_PER_MIN + 5):
        service.client("guess").get("/v1/optimize")
    assert len(lines()) == FAILURES_PER_MIN


def test_the_client_of_a_trusted_proxy_is_named_and_no_text_of_its_own(open_with, lines: Lines) -> None:
    client = open_with(trusted_proxies=1).client("guess")
    for sent in ("203.0.113.7", "2001:db8::7", 'x" refused a token from 198.51.100.1'):
        client.get("/v1/optimize", headers={"X-Forwarded-For": sent})
    assert [line["address"] for line in lines()] == ["203.0.113.7", "2001:db8::7", "127.0.0.1"]


def test_very_many_addresses_fill_no_disk_and_what_was_left_out_is_counted(lines: Lines) -> None:
    now = [0.0]
    refused = RefusedTokens(RateLimiter(per_minute=LINES_PER_MIN, burst=LINES_PER_MIN, clock=lambda: now[0]))
    for number in range(1000):
        refused.tell("a token", f"10.0.{number // 250}.{number % 250}")
    assert len(lines()) == LINES_PER_MIN
    now[0] = 1.0
    refused.tell("a token", "10.1.0.1")
    refused.tell("a token", "10.1.0.2")
    untold = 1000 - LINES_PER_MIN
    assert lines()[-1]["message"] == f"refused a token from 10.1.0.1 ({untold} more before were not logged)"


def test_the_filter_of_the_documentation_finds_each_line(service: Service, lines: Lines) -> None:
    service.client("guess").get("/v1/optimize")
    service.client(token=None).post("/login", data={"token": "guess"}, headers=HERE)
    found = re.search(r"^failregex = (.*)$", page("security.md"), re.MULTILINE)
    assert found
    pattern = found[1].replace("<HOST>", r"(?P<host>[0-9a-f.:]+)")
    hosts = [re.search(pattern, json.dumps(line)) for line in lines()]
    assert [each and each["host"] for each in hosts] == ["127.0.0.1"] * 2
