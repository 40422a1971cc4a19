"""Metrics on text as it stands score and say why."""

import random
import unicodedata

import pytest

from gepa_next.errors import ModelError
from tests.metrics.scoring import score, verdict

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("ideal", "output", "expected"),
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
    ideal: str, output: str, expected: int
) -> None:
    assert score("exact_match", ideal, output) == expected


@pytest.mark.parametrize(
    ("ideal", "output", "expected"),
    [
        ("billing", "I think: billing!", 1),
        (" billing ", "billing", 1),
        (COMPOSED, f"the {DECOMPOSED} there", 1),
        ("billing", "Billing", 0),
        ("billing", "bill ing", 0),
        ("billing", "", 0),
    ],
)
def test_an_answer_contains_the_ideal_wherever_it_stands(ideal: str, output: str, expected: int) -> None:
    assert score("contains", ideal, output) == expected


def test_both_agree_with_a_search_letter_by_letter() -> None:
    for ideal, output in texts(2000):
        one, other = (unicodedata.normalize("NFD", each).strip() for each in (ideal, output))
        found = any(other[at : at + len(one)] == one for at in range(len(other) + 1))
        assert score("exact_match", ideal, output) == float(list(one) == list(other))
        if one and "\u0301" not in one + other:  # where composition decides, the definition is NFC
            assert score("contains", ideal, output) == float(found)


@pytest.mark.parametrize("ideal", ["", " \n"])
def test_an_empty_ideal_that_every_answer_contains_is_no_score(ideal: str) -> None:
    with pytest.raises(ModelError) as caught:
        score("contains", ideal, "anything")
    assert (caught.value.code, caught.value.sends) == ("unusable_ideal", 0)


def texts(count: int) -> list[tuple[str, str]]:
    rng = random.Random(1)
    text = lambda most: "".join(rng.choices("ab \u00e9\u0301\n", k=rng.randint(0, most)))  # noqa: E731 - asked twice
    return [(text(3), text(6)) for _ in range(count)]


@pytest.mark.parametrize(
    ("limits", "output", "expected"),
    [
        ({"max": 5}, "abcde", 1),
        ({"max": 5}, "  abcde\n", 1),
        ({"max": 5}, "abcdefghij", 0.5),
        ({"max": 0}, "a", 0),
        ({"max": 0}, " ", 1),
        ({"min": 4}, "ab", 0.5),
        ({"min": 4}, "", 0),
        ({"min": 4}, "abcd", 1),
        ({"min": 2, "max": 3, "unit": "words"}, "a b", 1),
        ({"min": 2, "max": 3, "unit": "words"}, "a", 0.5),
        ({"min": 2, "max": 3, "unit": "words"}, "a b\tc\n\nd", 0.75),
        ({"max": 4}, DECOMPOSED, 1),
    ],
)
def test_a_length_counts_by_how_near_it_is_to_its_limits(limits, output: str, expected: float) -> None:
    assert score({"name": "length", **limits}, None, output) == expected


def test_a_length_that_comes_nearer_scores_more() -> None:
    chosen = {"name": "length", "min": 20, "max": 30}
    found = [score(chosen, None, "a" * size) for size in range(60)]
    assert found[:21] == sorted(found[:21])
    assert set(found[20:31]) == {1}
    assert found[30:] == sorted(found[30:], reverse=True)
    assert all(0 <= each <= 1 for each in found)


@pytest.mark.parametrize(
    ("limits", "output", "said"),
    [
        ({"max": 3}, "abcde", "5 characters, expected at most 3, too long by 2"),
        ({"min": 3, "unit": "words"}, "a", "1 words, expected at least 3, too short by 2"),
    ],
)
def test_a_wrong_length_says_by_how_much(limits, output: str, said: str) -> None:
    assert said in verdict({"name": "length", **limits}, None, output).feedback


@pytest.mark.parametrize(
    ("ideal", "output", "said"),
    [
        ("billing", "Billing", "Only upper and lower case differ."),
        ("a b", "a  b", "Only white space differs."),
        ("ab", "a b", "Only white space differs."),
        ("billing", "It is billing.", "What is expected is in it, with other text around."),
        ("the cat sat", "the dog sat", "They part at character 5: 'cat sat' expected, 'dog sat' there."),
        ("abc", "ab", "They part at character 3: 'c' expected, '' there."),
    ],
)
def test_an_answer_that_is_not_exact_says_how_it_differs(ideal: str, output: str, said: str) -> None:
    assert verdict("exact_match", ideal, output).feedback.endswith(said)


def test_an_answer_that_lacks_the_ideal_only_by_case_says_so() -> None:
    assert "another case" in verdict("contains", "billing", "BILLING").feedback
    assert "another case" not in verdict("contains", "billing", "sales").feedback


@pytest.mark.parametrize("name", ["exact_match", "contains", "token_f1", "rouge_l", "edit_similarity"])
def test_the_feedback_names_the_ideal_and_what_came_instead(name: str) -> None:
    wrong = verdict(name, "zoo", "sales").feedback
    assert wrong.startswith("Wrong")
    assert "'zoo'" in wrong
    assert "'sales'" in wrong
    assert verdict(name, "zoo", "zoo").feedback.startswith("Right")
