"""The description of the API is valid, and describes what is there and nothing else."""

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gepa_next.api.errors import STATUS_BY_CODE
from tests.support.service import SMALL_JOB


@pytest.fixture(scope="module")
def described(done):
    answer = done.client(token=None).get("/v1/openapi.json")
    assert answer.content_type == "application/json"
    return answer.json


def operations(described):
    return {(method, path) for path, methods in described["paths"].items() for method in methods}


def test_the_description_is_valid(described) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


def test_every_route_is_described_and_the_other_way_round(done, described) -> None:
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in done.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    }
    assert operations(described) == routes


def test_open_routes_are_described_as_open(service, described) -> None:
    for method, path in operations(described):
        status = service.client(token=None).open(path.replace("{", "").replace("}", ""), method=method).status_code
        is_open = described["paths"][path][method].get("security") == []
        assert is_open == (status not in {401, 429}), (method, path)  # 429: too many without a token


def test_every_error_code_is_described(described) -> None:
    codes = described["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    assert set(codes) == set(STATUS_BY_CODE)
    statuses = {
        status for path in described["paths"].values() for each in path.values() for status in each["responses"]
    }
    assert {str(status) for status in STATUS_BY_CODE.values()} - {"404", "405"} <= statuses


def test_the_request_names_every_field(described) -> None:
    request = described["components"]["schemas"]["OptimizeBody"]
    assert set(SMALL_JOB) <= set(request["properties"])
    assert request["additionalProperties"] is False
    assert request["oneOf"] == [{"required": ["prompt"]}, {"required": ["prompts"]}]


def test_the_response_names_every_field(done, done_id, described) -> None:
    shown = done.client().get(f"/v1/optimize/{done_id}").json
    assert set(shown) == set(described["components"]["schemas"]["JobState"]["properties"])


def test_no_two_operations_have_one_name(described) -> None:
    names = [each["operationId"] for path in described["paths"].values() for each in path.values()]
    assert len(set(names)) == len(names)
