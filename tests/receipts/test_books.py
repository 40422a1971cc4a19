"""The ledger's sums, where calls were lost, doubtful, or without a price."""

import json

import pytest

from gepa_next.receipts.books import Ledger

CALL = {
    "role": "judge",
    "sends": 2,
    "lost": 0,
    "doubtful": 0,
    "is_free": False,
    "input_tokens": 10,
    "output_tokens": 3,
    "cost_usd": 0.25,
}
USAGE = {"calls": 2, "input_tokens": 10, "output_tokens": 3, "cost_usd": 0.25, "known_cost_usd": 0.25}
NOTHING = {"sends": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}


def agrees(calls: list[dict], usage: dict) -> bool:
    ledger = Ledger({"usage": {"judge": usage}})
    for call in calls:
        ledger.read(json.dumps(call).encode())
    (check,) = ledger.checks()
    return check.agrees


@pytest.mark.parametrize(
    ("call", "usage"),
    [
        ({}, {}),
        ({"lost": 1}, {"calls": 3, "cost_usd": None}),
        ({**NOTHING, "lost": 1}, {**USAGE, "calls": 3, "cost_usd": None}),
        ({**NOTHING, "lost": 1, "is_free": True}, {**USAGE, "calls": 3}),
        ({"doubtful": 1}, {"cost_usd": None}),
        ({"cost_usd": None}, {"cost_usd": None, "known_cost_usd": 0.1}),  # an earlier attempt had a price
        ({"cost_usd": 0.25 + 1e-12}, {}),
    ],
)
def test_a_usage_agrees_with_the_calls_that_it_sums_up(call, usage) -> None:
    calls = [{**CALL, **call}] if "sends" not in call else [CALL, {**CALL, **call}]
    assert agrees(calls, {**USAGE, **usage})


@pytest.mark.parametrize(
    ("call", "usage"),
    [
        ({"lost": 1}, {"cost_usd": None}),
        ({"lost": 1}, {"calls": 3}),
        ({"doubtful": 1}, {}),
        ({}, {"cost_usd": None}),
        ({}, {"known_cost_usd": 0.2500001}),
        ({"input_tokens": 11}, {}),
        ({"output_tokens": 4}, {}),
    ],
)
def test_a_usage_that_is_not_the_sum_differs(call, usage) -> None:
    assert not agrees([{**CALL, **call}], {**USAGE, **usage})


def test_a_call_that_was_not_sent_is_no_part_of_the_sum() -> None:
    assert agrees([CALL, {**CALL, **NOTHING}], USAGE)
