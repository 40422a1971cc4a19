"""A choice of metric becomes what scores: one, or a weighted mean of several."""

import random
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from gepa_next.errors import ModelError
from gepa_next.gepa.types import Verdict
from gepa_next.metrics import JUDGE, METRICS, asks_judge, described, scoring_of
from gepa_next.metrics.deterministic import LONGEST_OUTPUT
from tests.metrics.scoring import score, verdict, wants

PARAMETERS = {"regex": {"pattern": "a"}, "json_schema": {"schema": {}}, "length": {"max": 5}}
ALL = [{"name": name, **PARAMETERS.get(name, {})} for name in METRICS]
IDEALS = {"numeric": "1", "json_equal": "1"}
NEED_IDEALS = {"exact_match", "contains", "numeric", "json_equal", "token_f1", "rouge_l", "edit_similarity"}
MIXED = [{"name": "exact_match", "weight": 0.7}, {"name": "length", "max": 4, "weight": 0.3}]


def test_the_judge_is_no_metric() -> None:
    assert JUDGE not in METRICS
    scoring = scoring_of(JUDGE)
    assert (scoring.metric, scoring.judge_weight) == (None, 1.0)
    assert scoring_of([{"name": JUDGE, "weight": 1}]) == scoring_of({"name": JUDGE}) == scoring


@pytest.mark.parametrize("chosen", ALL, ids=lambda each: each["name"])
def test_every_score_lies_between_0_and_1_and_comes_with_words(chosen) -> None:
    rng = random.Random(17)
    ideal = IDEALS.get(chosen["name"], "a b")
    for _ in range(200):
        found = verdict(chosen, ideal, "".join(rng.choices('ab1 {}[]":,.\n\u00e9', k=rng.randint(0, 12))))
        assert 0 <= found.score <= 1
        assert found.feedback.startswith(("Right", "Partly right", "Wrong"))
        assert found.feedback.startswith("Right") == (found.score == 1)


@pytest.mark.parametrize("chosen", ALL, ids=lambda each: each["name"])
def test_a_very_long_answer_is_not_read_and_not_repeated(chosen) -> None:
    found = verdict(chosen, "1", "sales " * LONGEST_OUTPUT)
    assert found.score == 0
    assert len(found.feedback) < 200
    assert len(verdict(chosen, "1", "sales " * 10_000).feedback) < 1000


@pytest.mark.parametrize("chosen", [each for each in ALL if each["name"] in NEED_IDEALS], ids=lambda each: each["name"])
@pytest.mark.parametrize("output", ["", "anything"])
def test_where_an_ideal_is_needed_there_is_no_score_without(chosen, output: str) -> None:
    with pytest.raises(ModelError, match="e1 has no ideal") as caught:
        score(chosen, None, output)
    assert (caught.value.code, caught.value.sends, caught.value.cost_usd) == ("no_ideal", 0, 0.0)


@pytest.mark.parametrize(
    "chosen", [each for each in ALL if each["name"] not in NEED_IDEALS], ids=lambda each: each["name"]
)
def test_where_none_is_needed_there_is_a_score(chosen) -> None:
    assert 0 <= score(chosen, None, "anything") <= 1


@pytest.mark.parametrize(
    ("output", "expected"), [("abcd", 1.0), ("ab", 0.3), ("abcdefgh", 0.15)]
)  # fmt: skip
def test_a_list_scores_the_weighted_mean(output: str, expected: float) -> None:
    assert score(MIXED, "abcd", output) == pytest.approx(expected)


def test_full_marks_in_every_part_are_exactly_1() -> None:
    rng = random.Random(19)
    for _ in range(300):
        shares = [rng.random() for _ in range(rng.randint(1, 16))]
        parts = [{"name": "exact_match", "weight": each / sum(shares)} for each in shares]
        assert score(parts, "a", "a") == 1


def test_a_list_has_a_line_of_feedback_for_each_part() -> None:
    lines = verdict(MIXED, "abcd", "abcdefgh").feedback.splitlines()
    assert lines[0].startswith("exact_match 0.00 (weight 0.7). Wrong: expected exactly 'abcd'")
    assert lines[1].startswith("length 0.50 (weight 0.3). Wrong: the answer has 8 characters")


def test_beside_the_judge_the_metrics_share_what_it_leaves() -> None:
    scoring = scoring_of([*({**each, "weight": each["weight"] / 2} for each in MIXED), {"name": JUDGE, "weight": 0.5}])
    assert scoring.judge_weight == 0.5
    assert scoring.metric is not None
    assert scoring.metric(wants("abcd"), "ab").score == pytest.approx(0.3)
    assert "(weight 0.35)" in scoring.metric(wants("abcd"), "ab").feedback


def test_who_asks_the_judge() -> None:
    assert asks_judge("judge")
    assert asks_judge([{"name": "judge", "weight": 0.5}, *MIXED])
    assert not asks_judge("exact_match")
    assert not asks_judge(MIXED)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("exact_match", {"name": "exact_match"}), ("numeric", {"name": "numeric", "tolerance": 0.0}),
        ({"name": "length", "max": 3}, {"name": "length", "max": 3, "min": 0, "unit": "characters"}),
        ("judge", [{"name": "judge", "weight": 1.0}]), ("numeric", [{"name": "numeric", "weight": 1}]),
    ],
)  # fmt: skip
def test_the_same_choice_in_other_words_is_described_the_same(one, other) -> None:
    assert described(one) == described(other)


def test_every_parameter_and_weight_is_described() -> None:
    choices = [
        "exact_match", "numeric", {"name": "numeric", "tolerance": 1.0}, {"name": "regex", "pattern": "a"},
        {"name": "regex", "pattern": "b"}, {"name": "length", "max": 3}, {"name": "length", "max": 3, "unit": "words"},
        {"name": "json_schema", "schema": {}}, {"name": "json_schema", "schema": {"type": "null"}}, "judge", MIXED,
        [{**MIXED[0], "weight": 0.6}, {**MIXED[1], "weight": 0.4}],
        [{"name": "judge", "weight": 0.5}, {"name": "exact_match", "weight": 0.5}],
    ]  # fmt: skip
    found = [described(each) for each in choices]
    assert all(one not in found[:at] for at, one in enumerate(found))


@pytest.mark.parametrize("name", METRICS)
def test_the_docstring_states_definition_range_and_source(name: str) -> None:
    said = " ".join((METRICS[name].__doc__ or "").split())
    assert said.startswith(("Score 1 ", "Score the "))
    assert "Range {0, 1}" in said or "Range [0, 1]" in said
    assert re.search(r"arXiv:\d|RFC \d|https://|\b(?:19|20)\d\d\b|[Aa]n own definition|json_valid", said)


def test_a_metric_can_be_asked_from_many_threads() -> None:
    metric = scoring_of({"name": "json_schema", "schema": {"items": {"type": "integer"}}}).metric
    assert metric is not None

    def ask(number: int) -> Verdict:
        return metric(wants(None), f"[{'1,' * 300}{number if number % 2 else 'null'}]")

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(200)))
    assert [each.score for each in found] == [float(number % 2) for number in range(200)]
