"""A small slice of `make fuzz`: a few cases for each operation, the same every time, in this process."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
import schemathesis
import schemathesis.checks
from hypothesis import HealthCheck, Phase, given, settings

from gepa_next.api.description.operations import OPERATIONS
from gepa_next.api.description.parameters import EXAMPLE_ID, PROMPT_NAME
from gepa_next.api.description.samples import read_requests
from tests.fuzz.hooks import KNOWN, NOT_ASKED
from tests.support.service import TOKEN, Service, open_service

FEW = settings(
    max_examples=4,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


EXCLUDED = [getattr(schemathesis.checks, name) for name in NOT_ASKED]


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    with closing(open_service(tmp_path_factory.mktemp("fuzz"), max_iterations=2)) as service:
        yield service


@pytest.fixture(scope="module")
def read_by_schemathesis(service, known):
    return schemathesis.openapi.from_wsgi("/v1/openapi.json", service.app)


@pytest.fixture(scope="module")
def known(service) -> Iterator[None]:
    """Make one of each thing, and have it in the place of ids that are not there."""
    client, samples = service.client(), read_requests()
    job_id = service.finished_job(**list(samples["OptimizeBody"].values())[1])
    client.post("/v1/examples", json=samples["ExampleBody"]["One example"])
    client.put(f"/v1/prompts/{PROMPT_NAME.example}", json={"job_id": job_id})
    there = {"optimize/job_id": job_id, "examples/example_id": EXAMPLE_ID.example, "prompts/name": PROMPT_NAME.example}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KNOWN, json.dumps(there))
        yield


def test_schemathesis_reads_every_operation(read_by_schemathesis) -> None:
    read = {(each.ok().method, each.ok().path) for each in read_by_schemathesis.get_all_operations()}
    assert {*read, ("get", "/v1/openapi.json")} == set(OPERATIONS)  # which it leaves out, having read it


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_case_of_a_few_fails(read_by_schemathesis, method: str, path: str) -> None:
    operation = read_by_schemathesis[path][method.upper()]

    @FEW
    @given(case=operation.as_strategy())
    def asks(case) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, excluded_checks=EXCLUDED)

    asks()
