"""Nearly the same inputs are found, others are not, and neither order nor a template makes a difference."""

import random
import tracemalloc
from itertools import combinations

import pytest

from gepa_next.gepa.near_duplicates import near_duplicates
from gepa_next.gepa.types import Example
from tests.gepa.stage import requests

WORDS = [f"{first}{second}" for first in "bdfgklmnprst" for second in ("a", "e", "i", "o", "u", "an", "el", "or")]


# "a b" before each of these is a run of three words whose hash ends as those of the others do.
COLLIDING = ["ce0e", "1578f6", "21f34e", "7d133c", "8d8d86", "138eb3a", "142b1ed", "1a488bb"]


def examples(*inputs: str) -> list[Example]:
    return [Example(id=f"e{number:04}", input=text) for number, text in enumerate(inputs)]


def prose(seed: int, words: int = 40) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))  # noqa: S311 - for repetition, not for secrets


def changed(text: str, *places: int) -> str:
    words = text.split()
    for place in places:
        words[place] = "otherwise"
    return " ".join(words)


def are_near(one: str, other: str) -> bool:
    return bool(near_duplicates(examples(one, other, *(prose(seed) for seed in range(5)))))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the capital of France?", "what is  the CAPITAL of France"),
        ("Straße, naïve.", "STRASSE naïve"),
        ("\uff46\uff55ll width \uff11", "full width 1"),
        ("?!", "?!"),
        (prose(7), changed(prose(7), 20)),
        (prose(7), changed(prose(7), 0, 39)),
        (prose(7), "Hello, " + prose(7)),
        (prose(7), prose(7).replace(" ", "\n\n")),
        (
            "我想知道这家商店星期天几点钟开门以及节假日是否照常营业谢谢",
            "我想知道这家商店星期六几点钟开门以及节假日是否照常营业谢谢",
        ),
    ],
)
def test_nearly_the_same_inputs_belong_together(one: str, other: str) -> None:
    assert are_near(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the capital of France?", "What is the capital of Greece?"),
        ("Convert 12 km to miles", "Convert 13 km to miles"),
        ("2 + 2", "2 + 3"),
        ("?!", "!!"),
        (prose(7), prose(8)),
        (prose(7), changed(prose(7), 5, 15, 25, 35)),
        (prose(7), " ".join(sorted(prose(7).split()))),
        (prose(7), prose(7)[:90]),
    ],
)
def test_inputs_that_ask_something_else_do_not(one: str, other: str) -> None:
    assert not are_near(one, other)


def test_the_ideal_makes_no_difference() -> None:
    one, other = examples("Say it.", "say it")
    assert near_duplicates([one, Example(id="x", input=other.input, ideal="it")]) == (("e0000", "x"),)


def test_the_order_of_the_examples_makes_no_difference() -> None:
    given = examples(*(changed(prose(number // 3), number % 3 * 9) for number in range(60)))
    found = near_duplicates(given)
    assert [len(group) for group in found] == [3] * 20
    random.Random(1).shuffle(given)  # noqa: S311 - for repetition, not for secrets
    assert near_duplicates(given) == found


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    first = prose(7)
    chain = [first, changed(first, 5), changed(first, 5, 15), changed(first, 5, 15, 25)]
    assert not are_near(chain[0], chain[3])
    assert near_duplicates(examples(*chain)) == (("e0000", "e0001", "e0002", "e0003"),)


@pytest.mark.parametrize("payload", [1, 12])
@pytest.mark.parametrize("count", [12, 60, 300])
def test_a_long_template_makes_no_groups_of_what_is_filled_in(count: int, payload: int) -> None:
    filled = [f"{prose(1)} {prose(number + 100, payload)}{number} {prose(2)}" for number in range(count)]
    assert near_duplicates(examples(*filled)) == ()
    copies = [changed(filled[0], 3), changed(filled[1], 3)] if payload > 1 else [filled[0].upper(), filled[1].upper()]
    assert [len(group) for group in near_duplicates(examples(*filled, *copies))] == [2, 2]


def test_of_a_text_that_too_many_share_no_group_is_made() -> None:
    assert near_duplicates(examples(*["Say it."] * 5)) == ()
    assert len(near_duplicates(examples(*["Say it."] * 4))) == 1


def test_runs_of_one_hash_that_very_many_texts_have_are_counted() -> None:
    shared = " ".join(f"a b {word}" for word in COLLIDING)
    assert 8200 * len(COLLIDING) > 1 << 16
    assert near_duplicates(examples(*(f"{shared} q{number}" for number in range(8200)))) == ()


def test_every_pair_that_is_alike_is_found() -> None:
    rng = random.Random(3)  # noqa: S311 - for repetition, not for secrets
    families = [prose(seed, rng.randint(15, 60)) for seed in range(30)]
    texts = [changed(text, *rng.sample(range(15), rng.randint(0, 3))) for text in families for _ in range(3)]
    group_of = {each: group for group in near_duplicates(examples(*texts)) for each in group}
    named = [(each.id, runs(each.input)) for each in examples(*texts)]
    alike = [(a, b) for (a, x), (b, y) in combinations(named, 2) if len(x & y) >= 0.7 * len(x | y)]
    assert len(alike) > 30
    assert all(group_of[a] == group_of[b] for a, b in alike)


def runs(text: str) -> set[tuple[str, ...]]:
    words = ["", "", *text.split(), "", ""]
    return {tuple(words[at : at + 3]) for at in range(len(words) - 2)}


def test_requests_of_one_form_are_different_requests() -> None:
    assert near_duplicates(requests(200)) == ()


def test_few_inputs_take_little_memory() -> None:
    three = examples("a question of a small job", "another that is asked in it", "and one that is the third")
    tracemalloc.start()
    try:
        near_duplicates(three)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
