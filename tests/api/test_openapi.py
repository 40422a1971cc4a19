"""The description of the API is valid, and describes what is there and nothing else."""

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gepa_next.api.edge.errors import STATUS_BY_CODE
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
        status = (
            service.client(token=None).open(path.replace("{", "").replace("}", ""), method=method.upper()).status_code
        )
        security = described["paths"][path][method].get("security", described["security"])
        is_open = security == [] or {} in security
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


def test_a_route_knows_the_query_values_that_are_described_and_no_others(done, described) -> None:
    for method, path in operations(described):
        known = [each["name"] for each in described["paths"][path][method]["parameters"] if each["in"] == "query"]
        if described["paths"][path][method].get("security") == [{"bearer": []}, {"session": []}, {"stream_token": []}]:
            known.append("stream_token")
        answer = done.client().open(re.sub(r"{\w+}", "x", path), method=method.upper(), query_string={"no_such": "1"})
        if answer.status_code == 200:
            assert described["paths"][path][method]["security"] != described["security"], path
            continue
        told = answer.json["error"]["details"][0]["message"]
        assert told == f"unknown; known are {', '.join(known) or 'none'}", (method, path)


def test_the_most_iterations_are_those_of_the_server(open_with) -> None:
    service = open_with(max_iterations=3)
    parameters = service.client().get("/v1/openapi.json").json["paths"]["/v1/optimize"]["post"]["parameters"]
    assert [each["schema"]["maximum"] for each in parameters if each["name"] == "iterations"] == [3]
    answer = service.client().post("/v1/optimize?iterations=4", json=SMALL_JOB)
    assert answer.json["error"]["details"] == [{"path": "iterations", "message": "a whole number from 1 to 3"}]


def test_every_variable_of_a_path_is_described_and_no_other(described) -> None:
    for method, path in operations(described):
        found = [each["name"] for each in described["paths"][path][method]["parameters"] if each["in"] == "path"]
        assert found == re.findall(r"{(\w+)}", path), (method, path)


def test_whoever_has_the_description_is_told_so(done) -> None:
    first = done.client(token=None).get("/v1/openapi.json")
    again = done.client(token=None).get("/v1/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_no_two_operations_have_one_name(described) -> None:
    names = [each["operationId"] for path in described["paths"].values() for each in path.values()]
    assert len(set(names)) == len(names)
