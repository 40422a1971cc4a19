"""Several targets on the same examples: a difference is claimed if chance would hardly make one among all pairs."""

import pytest

from gepa_next.gepa.targets import Scores, differences


def scored(*values: float) -> Scores:
    return tuple((f"e{n}", value) for n, value in enumerate(values))


BEST, WORST = scored(*[1.0] * 8), scored(*[0.0] * 8)


def verdicts(*scores: Scores) -> list[str]:
    return [each.verdict for each in differences(scores, seed=1)]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (BEST, WORST, "better"),
        (WORST, BEST, "worse"),
        (BEST, BEST, "not_shown"),
        (BEST[:5], WORST[:5], "inconclusive"),
        ((), WORST, "inconclusive"),
        (BEST, (), "inconclusive"),
    ],
)
def test_two_are_told_apart_as_champion_and_seed_prompt_are(first: Scores, second: Scores, said: str) -> None:
    assert verdicts(first, second) == [said]


def test_the_first_is_held_against_the_second() -> None:
    (found,) = differences([BEST, WORST], seed=1)
    assert found.found is not None
    assert (found.found.score, found.found.seed_score, found.found.wins, found.found.losses) == (1.0, 0.0, 8, 0)


@pytest.mark.parametrize(("others", "said"), [(2, "better"), (3, "better"), (4, "not_shown"), (7, "not_shown")])
def test_the_more_pairs_the_less_a_difference_shows(others: int, said: str) -> None:
    """Eight wins and no loss have a p-value of 0.0078: enough among six pairs, and not among ten."""
    found = list(differences([BEST, *[WORST] * others], seed=1))
    assert [(each.first, each.second) for each in found][:2] == [(0, 1), (0, 2)]
    assert {each.verdict for each in found if each.first == 0} == {said}


def test_only_examples_that_both_have_a_score_for_count() -> None:
    (found,) = differences([BEST, (*WORST[2:], ("another", 1.0))], seed=1)
    assert found.found is not None
    assert found.found.n == 6
