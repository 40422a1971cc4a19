"""A comparison through the real server: one request, a job for each model, and a table when they have ended."""

from concurrent.futures import ThreadPoolExecutor

import requests

from gepa_next.client import Client
from tests.e2e.processes import AUTHORIZED, TIMEOUT_S
from tests.support.service import TOKEN

EXAMPLES = [{"id": f"e{n}", "input": f"Order {n} lamps.", "ideal": f"lamp {n}"} for n in range(1, 25)]
MODELS = ["acme/small", "acme/large"]


def test_two_models_are_compared_over_http(server) -> None:
    with Client(server.url, TOKEN) as client:
        made = client.compare("Extract the order.", MODELS, examples=EXAMPLES, iterations=1, idempotency_key="two")
        for each in made.targets:
            assert client.wait(each.job_id).status == "finished"
        state = client.comparison(made.comparison_id)
    assert (state.status, [each.target_model_id for each in state.targets]) == ("finished", MODELS)
    assert all(each.test.n == state.split["test"] for each in state.targets)
    assert [each.verdict for each in state.differences] == ["not_shown"]  # the simulator is one and the same


def test_twenty_requests_at_once_are_one_comparison(server) -> None:
    body = {"prompt": "Extract the order.", "examples": EXAMPLES, "iterations": 1, "target_model_ids": MODELS}
    headers = {**AUTHORIZED, "Idempotency-Key": "at-once"}

    def ask(_: int) -> requests.Response:
        return requests.post(f"{server.url}/v1/comparisons", json=body, headers=headers, timeout=TIMEOUT_S)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["comparison_id"] for answer in answers}) == 1
    assert len({each["job_id"] for answer in answers for each in answer.json()["targets"]}) == len(MODELS)
