"""A request may name a program as its target, as far as the operator allows, in a form that leaves nothing open."""

import pytest

from gepa_next.client import Client
from gepa_next.store.evidence import iterate_job_examples
from gepa_next.store.jobs import get_job
from tests.api.answers import refused, wrong
from tests.support.programs import EXAMPLES, PROMPTS
from tests.support.providers import LIMITED, REAL
from tests.support.service import SMALL_JOB, TOKEN

URL = "https://agents.example/v1/triage"
SHARED = [{"name": "program", "weight": 0.5}, {"name": "judge", "weight": 0.5}]
JOB = {"prompt": None, "prompts": PROMPTS, "program_url": URL, "examples": EXAMPLES, "metric": "program"}


@pytest.fixture
def service(open_with):
    return open_with(program_urls=["https://agents.example/v1"])


def ask(client, path="/v1/optimize", **changes):
    return client.post(path, json={**SMALL_JOB, **JOB, **changes})


def made(client, **changes):
    answer = ask(client, **changes)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_the_job_has_the_components_in_their_order_and_says_what_it_calls(service, client) -> None:
    state = made(client)
    assert (state["program_url"], state["target_model_id"], state["best_prompts"]) == (URL, URL, {})
    assert list(get_job(service.database, state["job_id"]).spec.prompts.items()) == list(PROMPTS.items())


def test_a_single_prompt_is_the_component_of_that_name(service, client) -> None:
    state = made(client, prompt="Answer.", prompts=None)
    spec = get_job(service.database, state["job_id"]).spec
    assert (spec.prompts, spec.prompt) == ({"prompt": "Answer."}, "Answer.")


def test_a_job_for_a_model_has_no_components(service, client) -> None:
    job_id = service.create()
    assert get_job(service.database, job_id).spec.prompts == {}
    state = client.get(f"/v1/optimize/{job_id}").json
    assert (state["program_url"], state["best_prompts"]) == (None, {})


@pytest.mark.parametrize("path", ["/v1/optimize", "/v1/optimize/quote"])
@pytest.mark.parametrize(
    "url",
    ["https://agents.example/v2", "https://agents.example.evil.example/v1", "http://127.0.0.1:1/", "http://[::1]:80/"],
)
def test_a_program_that_the_operator_does_not_list_is_not_allowed(client, path, url) -> None:
    details = refused(ask(client, path, program_url=url), 422, "program_not_allowed")["details"]
    assert [detail["path"] for detail in details] == ["program_url"]


LOOPBACK = [
    "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0", "[::1]",
    "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "169.254.169.254", "[fe80::1]", "10.0.0.1", "metadata.example",
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_spelling_of_an_address_inside_is_taken_for_one_that_is_listed(open_with, host) -> None:
    client = open_with(program_urls=["http://127.0.0.2:9000/run"], program_private_addresses=True).client()
    refused(ask(client, program_url=f"http://{host}:9000/run"), 422, "program_not_allowed")


@pytest.mark.parametrize(
    "url", ["https://canary:canary@agents.example/v1", "https://canary@agents.example/v1", f"{URL}?key=canary"]
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(client, url) -> None:
    answer = ask(client, program_url=url)
    wrong(answer, "program_url")
    assert "canary" not in answer.text


def test_without_a_list_there_are_no_programs(open_with) -> None:
    client = open_with().client()
    assert "PROGRAM_URLS" in refused(ask(client), 422, "program_not_allowed")["details"][0]["message"]


@pytest.mark.parametrize("url", ["", "agents.example", "https://agents.example/v1/../x", f"{URL}?key=1", 7, "h" * 2001])
def test_what_is_no_url_of_a_program_is_wrong(client, url) -> None:
    wrong(ask(client, program_url=url), "program_url")


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"prompts": None}, "prompt", "required"),
        ({"prompt": "Answer."}, "prompts", "one or the other"),
        ({"prompts": {}}, "prompts", "at least 1"),
        ({"prompts": {"a": " \n"}}, "prompts.a", "empty"),
        ({"prompts": {"a": 1}}, "prompts.a", "text"),
        ({"prompts": {"a": "x" * 60_000, "b": "x" * 60_000}}, "prompts", "100000"),
        ({"prompts": {f"p{n}": "x" for n in range(17)}}, "prompts", "16"),
        ({"target_model_id": "acme/small"}, "target_model_id", "program"),
        ({"temperature": 0.0}, "temperature", "program"),
        ({"max_tokens": 5}, "max_tokens", "program"),
        ({"constraints": {"keep": ["nowhere"]}}, "constraints.keep", "does not occur"),
        ({"program_url": None}, "prompts", "program_url"),
        ({"program_url": None, "prompts": None, "prompt": "Answer."}, "metric", "program_url"),
        ({"metric": [{"name": "program", "weight": 0.5}] * 2}, "metric", "once"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_named(client, changes, path, said) -> None:
    assert said in wrong(ask(client, **changes), path)


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 65, "a\n"])
def test_a_component_has_a_plain_name(client, name) -> None:
    answer = ask(client, prompts={name: "Answer."})
    assert any(detail["path"].startswith("prompts") for detail in refused(answer, 422, "validation_error")["details"])


def test_a_text_to_keep_may_stand_in_any_component(client) -> None:
    made(client, constraints={"keep": ["How urgent", "Which team"]})


@pytest.mark.parametrize("changes", [{}, {"prompts": None, "prompt": "Answer."}, {"metric": SHARED}])
def test_the_spec_of_its_receipt_asks_for_the_same_job_again(service, client, changes) -> None:
    first = made(client, **changes)["job_id"]
    receipt = client.get(f"/v1/optimize/{first}/artifacts/receipt.json").json
    answer = client.post("/v1/optimize", json=receipt["spec"])
    assert answer.status_code == 201, answer.text
    jobs = [get_job(service.database, each) for each in (first, answer.json["job_id"])]
    assert jobs[0].spec == jobs[1].spec
    assert list(jobs[0].spec.prompts) == list(jobs[1].spec.prompts)
    same = [list(iterate_job_examples(service.database, job.id)) for job in jobs]
    assert same[0] == same[1]


def test_scores_of_two_programs_are_not_comparable(client) -> None:
    prints = {made(client, program_url=f"{URL}/{name}")["judge"]["fingerprint"] for name in ("a", "a", "b")}
    assert len(prints) == 2
    by_metric = {made(client, program_url=f"{URL}/{n}", metric="contains")["judge"]["fingerprint"] for n in ("a", "b")}
    assert len(by_metric) == 1


def test_a_quote_counts_its_calls_and_none_of_its_tokens(open_with) -> None:
    client = open_with(program_urls=[URL], **REAL).client()
    found = ask(client, "/v1/optimize/quote", iterations=3).json
    for amount in (found["expected"], found["most"]):
        target = amount["by_role"]["target"]
        assert target["calls"] == amount["rollouts"] > 0
        assert (target["input_tokens"], target["output_tokens"], target["cost_usd"]) == (0, 0, 0.0)
    assert set(found["per_call"]) == {"reflector"}
    assert found["unpriced_models"] == ["acme/large"]


def test_a_limit_in_usd_is_no_matter_of_the_program(open_with) -> None:
    prices = {"acme/large": {"input": 3.0, "output": 12.0}}
    client = open_with(program_urls=[URL], model_prices=prices, **REAL).client()
    answer = ask(client, "/v1/optimize/quote", **LIMITED)
    assert (answer.status_code, answer.json["warnings"]) == (200, [])


def test_the_client_sends_components(service) -> None:
    with service.served() as url, Client(url, TOKEN) as client:
        options = {"program_url": URL, "examples": EXAMPLES, "metric": "program"}
        assert client.optimize(prompts=PROMPTS, **options).program_url == URL
        assert client.quote(prompts=PROMPTS, **options).expected.calls > 0
