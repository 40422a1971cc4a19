"""What is said of wrong values: short, in words about JSON, and never in those of the library that checks them."""

from itertools import product

import pytest
from pydantic import BaseModel, ValidationError

from gepa_next.api.comparisons.shapes import ComparisonBody
from gepa_next.api.edge.wrong_values import said_of
from gepa_next.api.forks.shapes import ForkBody
from gepa_next.api.jobs.metric_shapes import SHAPES
from gepa_next.api.jobs.schemas import (
    BankBody,
    BudgetBody,
    ConstraintsBody,
    ExampleBody,
    OptimizeBody,
    PinBody,
    RetestBody,
    RollbackBody,
    SplitBody,
)

BODIES = (
    *(OptimizeBody, ExampleBody, BankBody, BudgetBody, ConstraintsBody, SplitBody, ComparisonBody, ForkBody),
    *(PinBody, RetestBody, RollbackBody),
    *SHAPES.values(),
)
WRONG = (5, 5.5, -1, 10**20, "", "x" * 200_001, "x y", True, None, [], ["x"] * 10_001, [5], [{}], {}, {"x": 5})
NOT_OURS = ("Input", "Tuple", "List", "String", "Field", "dictionary", "a valid", "None", "Extra", "Value")
SAID = [
    ({"prompt": 5}, "prompt", "must be text"),
    ({"prompt": ""}, "prompt", "must have at least 1 character"),
    ({"prompt": None}, "prompt", "is required"),
    ({"examples": {}}, "examples", "must be a list"),
    ({"examples": [5]}, "examples.0", "must be an object"),
    ({"iterations": 1.5}, "iterations", "must be a whole number"),
    ({"population": 33}, "population", "must be at most 32"),
    ({"temperature": 2.5}, "temperature", "must be at most 2"),
    ({"budget": {"max_cost_usd": 0}}, "budget.max_cost_usd", "must be more than 0"),
    ({"metric": []}, "metric", "must have at least 1 item"),
    ({"cache": "no"}, "cache", "must be true or false"),
    ({"metadata": []}, "metadata", "must be an object"),
    ({"temprature": 1}, "temprature", "there is no such field"),
]


@pytest.mark.parametrize(("change", "path", "said"), SAID)
def test_a_wrong_value_is_told_by_its_place_and_in_a_few_words(client, change, path, said) -> None:
    answer = client.post("/v1/optimize", json={"prompt": "Add.", **change})
    assert (answer.status_code, answer.json["error"]["details"]) == (422, [{"path": path, "message": said}])


def test_a_comparison_of_one_model_says_how_many_it_takes(client) -> None:
    answer = client.post("/v1/comparisons", json={"prompt": "Add.", "target_model_ids": ["sim/target"]})
    details = [{"path": "target_model_ids", "message": "must have at least 2 items"}]
    assert answer.json["error"]["details"] == details


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_nothing_is_said_in_the_library_s_words(body: type[BaseModel]) -> None:
    told = set()
    for name, value in product([*body.model_fields, "another"], WRONG):
        try:
            body.model_validate({name: value})
        except ValidationError as error:
            told |= {said_of(each) for each in error.errors()}
    assert told
    assert [said for said in told if any(word in said for word in NOT_OURS)] == []
