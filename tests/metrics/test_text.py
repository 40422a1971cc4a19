"""Metrics on text score 0 or 1 and say why."""

import pytest

from gepa_next.errors import ModelError
from gepa_next.gepa.ports import Metric
from gepa_next.gepa.types import Example
from gepa_next.metrics import JUDGE, METRICS
from gepa_next.metrics.text import contains, exact_match

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def wants(ideal: str | None) -> Example:
    return Example(id="e1", input="?", ideal=ideal)


@pytest.mark.parametrize(
    ("ideal", "output", "score"),
    [
        ("billing", "billing", 1),
        ("billing", " billing\n", 1),
        ("\tbilling ", "billing", 1),
        (COMPOSED, DECOMPOSED, 1),
        (DECOMPOSED, COMPOSED, 1),
        ("billing", "Billing", 0),
        ("billing", "billing.", 0),
        ("a b", "a  b", 0),
        ("\u00bd", "1/2", 0),
        ("billing", "", 0),
        ("", "  ", 1),
    ],
)
def test_an_exact_match_is_the_same_text_but_for_composition_and_outer_spaces(
    ideal: str, output: str, score: int
) -> None:
    assert exact_match(wants(ideal), output).score == score


@pytest.mark.parametrize(
    ("ideal", "output", "score"),
    [
        ("billing", "I think: billing!", 1),
        (" billing ", "billing", 1),
        (COMPOSED, f"the {DECOMPOSED} there", 1),
        ("billing", "Billing", 0),
        ("billing", "bill ing", 0),
        ("billing", "", 0),
    ],
)
def test_an_answer_contains_the_ideal_wherever_it_stands(ideal: str, output: str, score: int) -> None:
    assert contains(wants(ideal), output).score == score


@pytest.mark.parametrize("metric", METRICS.values())
def test_the_feedback_names_the_ideal_and_what_came_instead(metric: Metric) -> None:
    wrong = metric(wants("billing"), "sales").feedback
    assert wrong.startswith("Wrong")
    assert "'billing'" in wrong
    assert "'sales'" in wrong
    assert metric(wants("billing"), "billing").feedback.startswith("Right")


@pytest.mark.parametrize("metric", METRICS.values())
def test_a_long_answer_is_not_repeated_in_the_feedback(metric: Metric) -> None:
    assert len(metric(wants("billing"), "sales " * 10_000).feedback) < 300


@pytest.mark.parametrize("metric", METRICS.values())
@pytest.mark.parametrize("output", ["", "anything"])
def test_without_an_ideal_there_is_no_score(metric: Metric, output: str) -> None:
    with pytest.raises(ModelError, match="e1 has no ideal") as caught:
        metric(wants(None), output)
    assert (caught.value.code, caught.value.sends, caught.value.cost_usd) == ("no_ideal", 0, 0.0)


def test_the_judge_is_no_metric() -> None:
    assert JUDGE not in METRICS
