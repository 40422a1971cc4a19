"""Who may do what: tokens, open routes, and jobs that are their token's own."""

import pytest

from tests.api.answers import refused
from tests.support.service import OTHER_TOKEN, SMALL_JOB, TOKEN

OPEN = ["/v1/healthz", "/v1/readyz", "/v1/version", "/v1/metrics", "/v1/metricsz", "/v1/openapi.json"]
JOB_ROUTES = ["", "/events", "/candidates", "/artifacts", "/artifacts/prompt.txt"]
CLOSED = [
    "/v1/optimize",
    "/v1/examples",
    "/v1/examples/a",
    "/v1/prompts",
    "/v1/prompts/a",
    *(f"/v1/optimize/a{rest}" for rest in JOB_ROUTES),
]


@pytest.mark.parametrize("path", CLOSED)
def test_a_route_without_a_token_is_401(done, path) -> None:
    answer = done.client(token=None).get(path)
    refused(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/v1/optimize", "/v1/optimize/quote", "/v1/optimize/a", "/v1/examples", "/v1/examples/a"]
)
def test_writing_without_a_token_is_401_or_405(service, method, path) -> None:
    assert service.client(token=None).open(path, method=method, json=SMALL_JOB).status_code in {401, 405}
    assert service.client().get("/v1/optimize").json["items"] == []


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer nobody", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN} x",
     "Bearer tök", "Bearer \xff\xfe", "Bearer \u20ac", f"Token {TOKEN}"],
)  # fmt: skip
def test_a_wrong_token_is_401(service, header) -> None:
    client = service.app.test_client()
    answer = client.get("/v1/optimize", environ_overrides={"HTTP_AUTHORIZATION": header})
    refused(answer, 401, "unauthorized")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_written_anyhow(done, scheme) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}"}
    assert done.client(token=None).get("/v1/optimize", headers=headers).status_code == 200


@pytest.mark.parametrize("path", OPEN)
def test_an_open_route_needs_no_token(done, path) -> None:
    assert done.client(token=None).get(path).status_code == 200


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/metricsz"])
def test_metrics_can_be_closed(open_with, path) -> None:
    service = open_with(metrics_require_auth=True)
    refused(service.client(token=None).get(path), 401, "unauthorized")
    assert service.client().get(path).status_code == 200


def test_without_authentication_every_route_is_open(open_with) -> None:
    client = open_with(require_auth=False, api_bearer_tokens=[]).client(token=None)
    job_id = client.post("/v1/optimize", json=SMALL_JOB).json["job_id"]
    assert client.get(f"/v1/optimize/{job_id}").json["status"] == "queued"


@pytest.mark.parametrize("rest", JOB_ROUTES)
def test_a_job_of_another_token_is_404_on_every_route(done, done_id, rest) -> None:
    refused(done.client(OTHER_TOKEN).get(f"/v1/optimize/{done_id}{rest}"), 404, "not_found")


def test_a_job_of_another_token_cannot_be_cancelled(service) -> None:
    job_id = service.create()
    refused(service.client(OTHER_TOKEN).delete(f"/v1/optimize/{job_id}"), 404, "not_found")
    assert service.client().get(f"/v1/optimize/{job_id}").json["status"] == "queued"


def test_lists_show_what_is_the_token_s_own(service) -> None:
    service.create()
    service.client().post("/v1/examples", json={"id": "a", "input": "1"})
    other = service.client(OTHER_TOKEN)
    assert other.get("/v1/optimize").json["items"] == []
    assert other.get("/v1/examples").json["items"] == []
    refused(other.get("/v1/examples/a"), 404, "not_found")
    refused(other.delete("/v1/examples/a"), 404, "not_found")


def test_a_job_cannot_draw_on_the_bank_of_another_token(service) -> None:
    service.client().post("/v1/examples", json={"input": "1"})
    answer = service.client(OTHER_TOKEN).post("/v1/optimize", json={"prompt": "a", "bank": {}})
    refused(answer, 422, "validation_error")


def test_a_known_origin_may_ask_from_a_page(open_with) -> None:
    client = open_with(cors_allowed_origins="https://a.example").client(token=None)
    asking = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/v1/optimize", headers=asking)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_another_origin_is_told_nothing(open_with) -> None:
    client = open_with(cors_allowed_origins="https://a.example").client()
    answer = client.get("/v1/optimize", headers={"Origin": "https://b.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers
