"""Metrics of likeness are what their definitions say, symmetric, and bounded in what they take."""

import difflib
import random
import re
import string
from collections.abc import Sequence
from fractions import Fraction

import pytest

from gepa_next.metrics import similarity
from tests.metrics.scoring import score, verdict

NAMES = ["token_f1", "rouge_l", "edit_similarity"]


def pairs(count: int, *, words: int = 9) -> list[tuple[str, str]]:
    rng = random.Random(7)
    vocabulary = ["The", "a", "an", "cat", "Cat", "sat", "sat.", "on", "mat,", "3", "caf\u00e9", "x-y", "\u732b", "!"]
    text = lambda: " ".join(rng.choices(vocabulary, k=rng.randint(0, words)))  # noqa: E731 - asked twice
    return [(text(), text()) for _ in range(count)]


def f1_by_matching(ideal: str, output: str) -> float:
    """F1 of SQuAD by taking words away one by one, in exact fractions."""
    expected, got = squad_words(ideal), squad_words(output)
    if not expected or not got:
        return float(expected == got)
    left, common = list(expected), 0
    for word in got:
        if word in left:
            left.remove(word)
            common += 1
    if not common:
        return 0.0
    precision, recall = Fraction(common, len(got)), Fraction(common, len(expected))
    return float(2 * precision * recall / (precision + recall))


def squad_words(text: str) -> list[str]:
    bare = "".join(each for each in text.lower() if each not in string.punctuation)
    return [word for word in bare.split() if word not in {"a", "an", "the"}]


def common_length(one: Sequence[object], other: Sequence[object]) -> int:
    """The length of the longest common subsequence, by the table of the textbook."""
    row = [0] * (len(other) + 1)
    for each in one:
        before = row
        row = [0]
        for at, candidate in enumerate(other):
            row.append(before[at] + 1 if each == candidate else max(before[at + 1], row[at]))
    return row[-1]


def rouge_by_table(ideal: str, output: str) -> float:
    expected, got = ([w for w in re.split(r"[\W_]+", text.lower()) if w] for text in (ideal, output))
    if not expected or not got:
        return float(expected == got)
    common = common_length(expected, got)
    if not common:
        return 0.0
    precision, recall = Fraction(common, len(got)), Fraction(common, len(expected))
    return float(2 * precision * recall / (precision + recall))


def edits(one: str, other: str) -> int:
    """The Levenshtein distance, by the table of the textbook."""
    row = list(range(len(other) + 1))
    for down, each in enumerate(one, 1):
        before, row = row, [down]
        for at, candidate in enumerate(other):
            row.append(min(before[at] + (each != candidate), before[at + 1] + 1, row[at] + 1))
    return row[-1]


def edit_by_table(ideal: str, output: str) -> float:
    one, other = ideal.strip(), output.strip()
    longer = max(len(one), len(other))
    return float(1 - Fraction(edits(one, other), longer)) if longer else 1.0


BY_HAND = {"token_f1": f1_by_matching, "rouge_l": rouge_by_table, "edit_similarity": edit_by_table}


@pytest.mark.parametrize("name", NAMES)
def test_it_agrees_with_its_definition_worked_out_by_hand(name: str) -> None:
    for ideal, output in pairs(1500):
        assert score(name, ideal, output) == pytest.approx(BY_HAND[name](ideal, output)), (ideal, output)


@pytest.mark.parametrize("name", NAMES)
def test_it_lies_between_0_and_1_and_is_the_same_both_ways(name: str) -> None:
    for ideal, output in pairs(500):
        there, back = score(name, ideal, output), score(name, output, ideal)
        assert 0 <= there <= 1
        assert there == pytest.approx(back)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_text_scores_1_and_nothing_else_of_other_words_does(name: str) -> None:
    for text, _ in pairs(200):
        assert score(name, text, text) == 1
    assert score(name, "cat sat", "dog ran") < 0.5


@pytest.mark.parametrize(
    ("name", "ideal", "output", "expected"),
    [
        ("token_f1", "The cat sat on the mat.", "a cat sat", 2 * 2 / (4 + 2)),
        ("token_f1", "yes", "Yes!", 1),
        ("token_f1", "", "", 1),
        ("token_f1", "yes", "", 0),
        ("rouge_l", "police killed the gunman", "police kill the gunman", 0.75),
        ("rouge_l", "police killed the gunman", "the gunman kill police", 0.5),
        ("rouge_l", "", "!", 1),
        ("edit_similarity", "kitten", "sitting", 1 - 3 / 7),
        ("edit_similarity", "", "", 1),
        ("edit_similarity", "abc", "", 0),
    ],
)
def test_known_values(name: str, ideal: str, output: str, expected: float) -> None:
    assert score(name, ideal, output) == pytest.approx(expected)


def test_a_common_subsequence_is_no_shorter_than_the_blocks_difflib_finds() -> None:
    for ideal, output in pairs(300):
        one, other = similarity.sequence_words(ideal), similarity.sequence_words(output)
        blocks = difflib.SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
        least = 2 * sum(block.size for block in blocks) / (len(one) + len(other)) if one or other else 1
        assert score("rouge_l", ideal, output) >= least - 1e-9


@pytest.mark.parametrize("name", ["rouge_l", "edit_similarity"])
def test_what_is_compared_in_blocks_never_scores_more_than_the_whole(name: str, monkeypatch) -> None:
    cases = pairs(300, words=30)
    whole = [score(name, *each) for each in cases]
    monkeypatch.setattr(similarity, "BLOCK_WORDS", 4)
    monkeypatch.setattr(similarity, "BLOCK_CHARACTERS", 10)
    in_blocks = [score(name, *each) for each in cases]
    assert all(0 <= block <= all_at_once + 1e-9 for block, all_at_once in zip(in_blocks, whole, strict=True))
    assert any(block < all_at_once for block, all_at_once in zip(in_blocks, whole, strict=True))
    assert all(score(name, text, text) == 1 for text, _ in cases)


@pytest.mark.parametrize("name", NAMES)
def test_long_texts_that_are_the_same_score_1(name: str) -> None:
    text = " ".join(f"w{number}" for number in range(20_000))
    assert score(name, text, text) == 1
    assert 0.5 < score(name, text, f"{text[:-100]}") < 1


def test_the_feedback_names_words_that_are_missing_and_that_should_not_be_there() -> None:
    said = verdict("token_f1", "red green", "red blue").feedback
    assert said.startswith("Partly right, word F1 0.50")
    assert "Missing words: 'green'." in said
    assert "should not be there: 'blue'." in said


def test_the_feedback_of_rouge_counts_the_words_in_order() -> None:
    assert (
        "2 words are common in this order, of 3 expected and 3 given." in verdict("rouge_l", "a b c", "b c a").feedback
    )


def test_the_feedback_of_edits_counts_them_and_says_where_the_texts_part() -> None:
    said = verdict("edit_similarity", "kitten", "kitchen").feedback
    assert "2 edits lie between them" in said
    assert "They part at character 4" in said
