"""Rate limits: a bucket per token, refilled as time goes by, and told in headers."""

import pytest

from gepa_next.api.edge.rates import MOST_CLIENTS, RateLimiter
from gepa_next.app import FAILURES_PER_MIN
from gepa_next.tokens.lines import digest_of_token
from tests.api.answers import refused
from tests.support.service import OTHER_TOKEN


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_too_many_requests_are_429_with_when_to_come_back(open_with) -> None:
    client = open_with(rate_limit_per_min=1, rate_limit_burst=2).client()
    assert [client.get("/v1/optimize").status_code for _ in range(2)] == [200, 200]
    answer = client.get("/v1/optimize")
    refused(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["RateLimit"] == f"limit=1, remaining=0, reset={answer.headers['Retry-After']}"


def test_an_answer_says_how_many_are_left(open_with) -> None:
    client = open_with(rate_limit_per_min=60, rate_limit_burst=5).client()
    assert client.get("/v1/optimize").headers["RateLimit"] == "limit=60, remaining=4, reset=0"


def test_a_limit_that_is_off_is_not_told(client) -> None:
    assert "RateLimit" not in client.get("/v1/optimize").headers


def test_where_nobody_needs_a_token_all_share_one_allowance_and_are_told_of_it(open_with) -> None:
    service = open_with(rate_limit_per_min=60, rate_limit_burst=5, require_auth=False)
    told = [service.client(token=None).get("/v1/optimize").headers["RateLimit"] for _ in range(2)]
    assert told == ["limit=60, remaining=4, reset=0", "limit=60, remaining=3, reset=0"]


def test_each_token_has_a_bucket_of_its_own(open_with) -> None:
    service = open_with(rate_limit_per_min=1, rate_limit_burst=1)
    service.client().get("/v1/optimize")
    assert service.client(OTHER_TOKEN).get("/v1/optimize").status_code == 200


def test_open_routes_are_not_limited(open_with) -> None:
    client = open_with(rate_limit_per_min=1, rate_limit_burst=1).client()
    assert {client.get("/v1/healthz").status_code for _ in range(5)} == {200}


def test_all_streams_of_an_owner_come_back_at_once_and_count_for_nothing_else(open_with) -> None:
    service = open_with(rate_limit_per_min=1, rate_limit_burst=1, max_sse_clients=20)
    url = f"/v1/optimize/{service.create()}/events"
    service.parts.requests._buckets.clear()
    for _ in range(5):
        opened = [service.client().get(url) for _ in range(20)]
        assert {each.status_code for each in opened} == {200}
        for each in opened:
            each.close()
    assert service.client().get("/v1/optimize").status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_asks_for_streams_without_end_is_refused_those_alone(open_with, method) -> None:
    service = open_with(rate_limit_per_min=1, rate_limit_burst=1, owner_max_streams=3)
    url = "/v1/optimize/none/" + {"GET": "events", "POST": "stream-token"}[method]
    answers = [service.client().open(url, method=method) for _ in range(16)]
    assert [each.status_code for each in answers] == [404] * 15 + [429]
    refused(answers[-1], 429, "rate_limited")
    assert answers[0].headers["RateLimit"] == "limit=3, remaining=14, reset=0"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20
    assert service.client().get("/v1/optimize").status_code == 200
    assert service.client(OTHER_TOKEN).open(url, method=method).status_code == 404


def test_streams_come_no_more_slowly_than_other_requests(open_with) -> None:
    client = open_with(rate_limit_per_min=60, rate_limit_burst=5, max_sse_clients=1).client()
    answers = [client.get("/v1/optimize/none/events") for _ in range(5)]
    assert {each.status_code for each in answers} == {404}
    assert answers[0].headers["RateLimit"] == "limit=60, remaining=4, reset=0"


def test_guessing_tokens_is_limited_and_does_not_lock_out_who_has_one(service) -> None:
    guesses = [service.client("guess").get("/v1/optimize") for _ in range(FAILURES_PER_MIN + 1)]
    answer = guesses[-1]
    assert {each.status_code for each in guesses[:-1]} == {401}
    refused(answer, 429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 0
    assert "remaining=0" in answer.headers["RateLimit"]
    assert service.client().get("/v1/optimize").status_code == 200


def test_ten_thousand_guesses_open_nothing_and_shut_nobody_out(service) -> None:
    guess, statuses = service.client(None), set()
    for number in range(500):
        guess.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {number:032x}"
        statuses.add(guess.get("/v1/optimize").status_code)
    assert statuses == {401, 429}
    tokens = service.parts.access.tokens
    assert [n for n in range(10_000) if tokens.find(digest_of_token(f"{n:032x}"))] == []
    assert len(service.parts.failures._buckets) == 1
    assert service.client().get("/v1/optimize").status_code == 200


def test_a_bucket_refills_with_time() -> None:
    clock = Clock()
    limiter = RateLimiter(per_minute=60, burst=1, clock=clock)
    assert limiter.take("a").allowed
    assert limiter.take("a").retry_after_s == 1
    clock.now = 1.0
    assert limiter.take("a").allowed


def test_a_bucket_holds_no_more_than_the_burst() -> None:
    clock = Clock()
    limiter = RateLimiter(per_minute=60, burst=2, clock=clock)
    limiter.take("a")
    clock.now = 3600.0
    assert [limiter.take("a").allowed for _ in range(3)] == [True, True, False]


def test_a_slow_pace_of_ones_own_has_no_burst_beyond_it() -> None:
    limiter = RateLimiter(per_minute=600, burst=100, clock=lambda: 0.0)
    assert sum(limiter.take("slow", per_minute=5).allowed for _ in range(20)) == 5
    assert sum(limiter.take("others").allowed for _ in range(120)) == 100


def test_a_crowd_of_clients_does_not_fill_the_memory() -> None:
    limiter = RateLimiter(per_minute=60, burst=2)
    for number in range(MOST_CLIENTS + 10):
        limiter.take(str(number))
    assert len(limiter._buckets) == MOST_CLIENTS


@pytest.mark.parametrize("burst", [1, 3])
def test_who_comes_back_when_told_is_let_in(burst) -> None:
    clock = Clock()
    limiter = RateLimiter(per_minute=7, burst=burst, clock=clock)
    while (allowance := limiter.take("a")).allowed:
        pass
    clock.now += allowance.retry_after_s
    assert limiter.take("a").allowed
