"""The form for a new job as the server reads it: what may be said, the quote before the job, and what is wrong."""

import io
import json
import re

import pytest

from gepa_next.api.jobs.metric_shapes import SHAPES
from gepa_next.api.jobs.schemas import BankBody, BudgetBody, ConstraintsBody, OptimizeBody, SplitBody
from gepa_next.store.jobs import get_job
from gepa_next.web.forms.fields import JOB, PARAMETERS
from tests.support.service import EXAMPLES, OTHER_TOKEN

HERE = {"Sec-Fetch-Site": "same-origin"}
CSV = "id,input,ideal\r\n" + "".join(f"{each['id']},{each['input']},{each['ideal']}\r\n" for each in EXAMPLES)
FORM = {"prompt": "Add the two numbers.", "examples": CSV, "metric.0.name": "exact_match", "seed": "1"}
EVERYTHING = {
    "prompt": "\nAdd.\r\nBe brief.",
    "examples": CSV,
    "target_model_id": " sim/target ",
    "metric.0.name": "json_schema",
    "metric.0.weight": "0.25",
    "metric.0.schema": '{"type": "string"}',
    "metric.0.pattern": "of another metric, and left out",
    "metric.1.name": "length",
    "metric.1.weight": "0.5",
    "metric.1.max": "20",
    "metric.1.unit": "words",
    "metric.2.name": "",
    "metric.3.name": "judge",
    "metric.3.weight": "0.25",
    "rubric": "Right?",
    "split.train": "2",
    "split.val": "2",
    "split.test": "1",
    "constraints.keep": "Add.\r\n\r\nbrief",
    "constraints.max_prompt_tokens": "900",
    "budget.max_rollouts": "90",
    "budget.max_calls": "91",
    "budget.max_tokens": "99000",
    "budget.max_cost_usd": "0.5",
    "budget.max_seconds": "60",
    "budget.target_score": "0.9",
    "budget.patience": "3",
    "iterations": "2",
    "population": "2",
    "minibatch": "2",
    "temperature": "0.5",
    "max_tokens": "64",
    "seed": "7",
    "cache": "no",
    "metadata": '{"ticket": 17}',
}
THE_SAME = {
    "prompt": "\nAdd.\nBe brief.",
    "examples": EXAMPLES,
    "target_model_id": "sim/target",
    "metric": [
        {"name": "json_schema", "weight": 0.25, "schema": {"type": "string"}},
        {"name": "length", "weight": 0.5, "max": 20, "unit": "words"},
        {"name": "judge", "weight": 0.25},
    ],
    "rubric": "Right?",
    "split": {"train": 2, "val": 2, "test": 1},
    "constraints": {"keep": ["Add.", "brief"], "max_prompt_tokens": 900},
    "budget": {"max_rollouts": 90, "max_calls": 91, "max_tokens": 99000, "max_cost_usd": 0.5, "max_seconds": 60,
               "target_score": 0.9, "patience": 3},
    "iterations": 2,
    "population": 2,
    "minibatch": 2,
    "temperature": 0.5,
    "max_tokens": 64,
    "seed": 7,
    "cache": False,
    "metadata": {"ticket": 17},
}  # fmt: skip


@pytest.fixture
def client(service):
    return service.client()


def send(client, form, act="quote", **more):
    return client.post("/new", data={**form, "act": act, **more}, headers=HERE)


def hidden(answer) -> dict[str, str]:
    """Return what the page sends along with the form that it shows."""
    return dict(re.findall(r'<input type="hidden" name="(quoted|key)" value="([^"]*)">', answer.text))


def start(client, form):
    return send(client, form, "start", **hidden(send(client, form)))


def jobs(client):
    return client.get("/v1/optimize").json["items"]


def wrong_fields(answer) -> set[str]:
    return set(re.findall(r'name="([^"]+)" aria-invalid="true" aria-describedby="wrong-\1"', answer.text))


def test_a_packed_form_is_415(client) -> None:
    answer = client.post("/new", data=FORM, headers={**HERE, "Content-Encoding": "gzip"})
    assert (answer.status_code, "without Content-Encoding" in answer.text) == (415, True)


def test_the_form_has_a_field_for_all_that_a_request_may_say() -> None:
    names = [each.name for each in JOB]
    assert {name.split(".")[0] for name in names} | {"examples", "metric", "prompts"} == set(OptimizeBody.model_fields)
    for group, shape in {
        "budget": BudgetBody,
        "bank": BankBody,
        "constraints": ConstraintsBody,
        "split": SplitBody,
    }.items():
        assert {name.removeprefix(f"{group}.") for name in names if name.startswith(group)} == set(shape.model_fields)


@pytest.mark.parametrize("name", SHAPES)
def test_the_form_has_a_field_for_each_parameter_of_a_metric(name) -> None:
    known = {field.validation_alias or each for each, field in SHAPES[name].model_fields.items()}
    assert {each.name for each in PARAMETERS.get(name, ())} == known - {"name", "weight"}


def test_a_form_makes_the_job_that_the_same_request_makes(service, client) -> None:
    answer = start(client, EVERYTHING)
    by_request = get_job(service.database, client.post("/v1/optimize", json=THE_SAME).json["job_id"])
    by_form = get_job(service.database, answer.location.removeprefix("/jobs/"))
    assert answer.status_code == 303
    assert by_form.spec == by_request.spec


def test_nothing_is_made_before_its_quote_is_shown(client) -> None:
    for act in ("quote", "start"):
        answer = send(client, FORM, act)
        assert answer.status_code == 200
        assert "Start the job" in answer.text
    assert jobs(client) == []


def test_the_quote_is_that_of_the_same_request(client) -> None:
    text = send(client, {**EVERYTHING, "examples": json.dumps(EXAMPLES)}).text
    quote = client.post("/v1/optimize/quote", json=THE_SAME).json
    assert f"{quote['expected']['rollouts']} rollouts expected" in text
    for role, each in quote["expected"]["by_role"].items():
        row = re.search(rf'<th scope="row">{role} .*?</tr>', text, re.DOTALL)[0]
        assert f'<td class="number">{each["calls"]}<' in row


def test_a_form_that_changed_since_its_quote_is_quoted_again(client) -> None:
    quoted = hidden(send(client, FORM))
    answer = send(client, {**FORM, "iterations": "3"}, "start", **quoted)
    assert "something else than what was quoted" in answer.text
    assert hidden(answer)["quoted"] != quoted["quoted"]
    assert jobs(client) == []


def test_a_form_that_is_sent_twice_makes_one_job(client) -> None:
    quoted = hidden(send(client, FORM))
    first, second = (send(client, FORM, "start", **quoted).location for _ in range(2))
    assert first == second
    assert len(jobs(client)) == 1


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"prompt": " "}, "prompt", "is required"),
        ({"iterations": "many"}, "iterations", "whole number"),
        ({"iterations": "101"}, "iterations", "at most 100"),
        ({"budget.max_calls": "1"}, "budget.max_calls", "at least"),
        ({"split.train": "2"}, "split.val", "is required"),
        ({"split.train": "9", "split.val": "9", "split.test": "0"}, "split.train", "larger than"),
        ({"constraints.keep": "gone"}, "constraints.keep", "does not occur"),
        ({"metadata": "{"}, "metadata", "not JSON"),
        ({"metric.0.name": "regex"}, "metric.0.pattern", "is required"),
        ({"metric.0.name": "none"}, "metric.0.name", "one of"),
        ({"metric.1.name": "judge", "metric.1.weight": "1"}, "metric.0.weight", "is required"),
        ({"metric.0.name": "json_schema", "metric.0.schema": "{"}, "metric.0.schema", "not JSON"),
        ({"examples": '{"input": "1"}\n{"input": 2}'}, "examples", "example 2, input"),
        ({"examples": '{"input": "1"}\n{"input" 2}'}, "examples", "delimiter, at column 10"),
        ({"examples": "question,answer\n1,2"}, "examples", "no column `input`"),
        ({"examples": "input,ideal\n1"}, "examples", "line 2"),
        ({"examples": "[1"}, "examples", "list cannot be read: it is not JSON"),
        ({"examples": '[{"input": "a\\u0000b"}]'}, "examples", "NUL"),
        ({"bank.tags": "none", "examples": ""}, "bank.tags", "no such examples"),
        ({"program_url": "http://127.0.0.1:9"}, "program_url", "PROGRAM_URLS"),
        ({"component.0.name": "a", "component.1.name": "a", "prompt": ""}, "component.1.name", "another component"),
        ({"component.0.name": "a", "prompt": ""}, "component.0.text", "empty"),
        ({"target_model_ids": "sim/b\nsim/b"}, "target_model_ids", "named twice"),
        ({"target_model_ids": "sim/b", "examples": ""}, "examples", "a comparison needs examples"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_at_its_field_and_in_the_summary(client, given, field, said) -> None:
    answer = send(client, {**FORM, "metric.0.name": "judge", **given})
    assert answer.status_code == 422
    assert wrong_fields(answer) == {field}
    summary = re.search(r'role="alert".*?</div>', answer.text, re.DOTALL)[0]
    assert f'href="#{field}"' in summary
    assert said in summary
    assert jobs(client) == []


def test_what_was_filled_in_stays_and_is_text(client) -> None:
    answer = send(client, {**FORM, "prompt": "\n<b>Add</b>", "iterations": "x", "rubric": "</textarea><script>"})
    assert "\n\n&lt;b&gt;Add&lt;/b&gt;</textarea>" in answer.text
    assert "&lt;/textarea&gt;&lt;script&gt;" in answer.text


def test_a_row_for_another_metric_is_added_and_what_is_left_empty_is_none(client) -> None:
    more = send(client, FORM, "more-metrics")
    assert 'name="metric.1.name"' in more.text
    assert 'name="metric.0.weight"' in more.text
    assert start(client, {**FORM, "metric.1.name": ""}).status_code == 303
    assert jobs(client)[0]["metric"] == "exact_match"


def test_examples_come_from_a_file_and_stay_for_the_order(client) -> None:
    quoted = send(client, {**FORM, "examples": ""}, file=(io.BytesIO(CSV.encode("utf-8-sig")), "examples.csv"))
    assert "6 examples" in quoted.text
    assert "e6,6 + 6,12" in quoted.text
    assert send(client, FORM, "start", **hidden(quoted)).status_code == 303


def test_a_file_that_is_no_text_is_refused(client) -> None:
    answer = send(client, FORM, file=(io.BytesIO("é".encode("latin-1")), "examples.csv"))
    assert wrong_fields(answer) == {"examples"}


def test_a_form_that_is_too_large_is_refused_in_words(open_with) -> None:
    answer = send(open_with(max_request_bytes=20_000).client(), {**FORM, "prompt": "a" * 30_000})
    assert answer.status_code == 413
    assert "larger than 20000 bytes" in answer.text


def test_a_form_may_be_as_large_as_a_request(open_with) -> None:
    examples = json.dumps([{"input": f"{n} {'a' * 1000}", "ideal": "1"} for n in range(900)])
    assert "900 examples" in send(open_with().client(), {**FORM, "examples": examples}).text


def test_several_models_make_a_comparison(client) -> None:
    form = {**FORM, "target_model_id": "sim/a", "target_model_ids": "sim/b\r\nsim/c"}
    quoted = send(client, form)
    assert "Start the 3 jobs" in quoted.text
    asked = {"prompt": FORM["prompt"], "examples": EXAMPLES, "metric": "exact_match", "seed": 1}
    models = ["sim/a", "sim/b", "sim/c"]
    quote = client.post("/v1/comparisons/quote", json={**asked, "target_model_ids": models}).json
    assert f'<td class="number">{quote["expected"]["calls"]:,}<small>' in quoted.text.partition("All of them")[2]
    answer = send(client, form, "start", **hidden(quoted))
    comparison = client.get(f"/v1{answer.location}").json
    assert [each["target_model_id"] for each in comparison["targets"]] == ["sim/a", "sim/b", "sim/c"]


def test_components_of_a_program_are_its_prompts(open_with) -> None:
    url = "https://agents.example/v1"
    service = open_with(program_urls=[url])
    components = {"component.0.name": "draft", "component.0.text": "Draft.", "component.1.name": "check",
                  "component.1.text": "Check.", "program_url": url, "prompt": ""}  # fmt: skip
    answer = start(service.client(), {**FORM, **components})
    spec = get_job(service.database, answer.location.removeprefix("/jobs/")).spec
    assert (spec.program_url, spec.prompts) == (url, {"draft": "Draft.", "check": "Check."})


def test_a_server_that_shuts_down_says_so_in_the_form(service, client) -> None:
    quoted = hidden(send(client, FORM))
    service.parts.draining.set()
    answer = send(client, FORM, "start", **quoted)
    assert answer.status_code == 503
    assert "shutting down" in answer.text
    assert "Add the two numbers." in answer.text


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_another_site_orders_nothing(service, headers) -> None:
    visitor = service.client(token=None)
    visitor.post("/login", data={"token": OTHER_TOKEN}, headers=HERE)
    assert visitor.post("/new", data={**FORM, "act": "quote"}, headers=headers).status_code == 403
    assert visitor.post("/new", data={**FORM, "act": "quote"}, headers=HERE).status_code == 200
