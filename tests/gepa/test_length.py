"""Scores that go with the length of outputs are told by a rank correlation, reckoned here in other ways too."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gepa_next.gepa.length import LengthCorrelation, length_correlation
from gepa_next.gepa.ranks import ranks
from gepa_next.gepa.state import SAME_TEXT
from gepa_next.gepa.types import Rollout, Split
from gepa_next.gepa.warning import length_warning, same_model_warning


def rollouts(pairs: Sequence[tuple[float, int]]) -> list[Rollout]:
    blank = Rollout(candidate_id=0, example_id="", split=Split.TRAIN)
    return [
        replace(blank, example_id=str(place), score=score, output="x" * length)
        for place, (score, length) in enumerate(pairs)
    ]


def found(pairs: Sequence[tuple[float, int]]) -> LengthCorrelation:
    told = length_correlation(rollouts(pairs))
    assert told is not None
    return told


def drawn(seed: int, n: int, *, points: int, pull: float) -> list[tuple[float, int]]:
    rng = random.Random(seed)  # noqa: S311 - seeded
    scores = [rng.randrange(points) for _ in range(n)]
    return [(score / 10, max(0, int(rng.gauss(50 + pull * score, 10)))) for score in scores]


def rank_by_counting(values: Sequence[float]) -> list[float]:
    return [sum(other < each for other in values) + (sum(other == each for other in values) + 1) / 2 for each in values]


def by_products(pairs: Sequence[tuple[float, int]]) -> float:
    """Reckon Pearson's r of the counted ranks by its definition."""
    one, other = (rank_by_counting(values) for values in zip(*pairs, strict=True))
    middle = (len(pairs) + 1) / 2
    products = [
        [(a - middle) * (b - middle) for a, b in zip(x, y, strict=True)]
        for x, y in ((one, other), (one, one), (other, other))
    ]
    shared, mine, theirs = map(sum, products)
    return shared / (mine * theirs) ** 0.5


def test_a_textbook_case_comes_out_as_in_the_textbook() -> None:
    iq = [106, 86, 100, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 0, 27, 50, 28, 29, 20, 12, 6, 17]
    told = found(list(zip([each / 200 for each in iq], hours, strict=True)))
    assert told.r == pytest.approx(-29 / 165)  # 1 - 6 * 194 / (10 * 99)


@pytest.mark.parametrize("seed", range(20))
def test_r_is_what_its_definition_gives_with_ties_too(seed: int) -> None:
    pairs = drawn(seed, 5 + 7 * seed, points=2 + seed, pull=seed - 10)
    assert ranks([length for _, length in pairs]) == rank_by_counting([length for _, length in pairs])
    assert found(pairs).r == pytest.approx(by_products(pairs))


@pytest.mark.parametrize(("seed", "pull"), [(1, 0), (2, 1), (3, -1.5), (5, 2), (8, 0.7)])
def test_the_p_value_is_near_that_of_a_permutation_test(seed: int, pull: float) -> None:
    pairs = drawn(seed, 30, points=11, pull=pull)
    told, rng = found(pairs), random.Random(seed)  # noqa: S311 - seeded
    scores, lengths = zip(*pairs, strict=True)
    shuffled = [by_products(list(zip(rng.sample(scores, 30), lengths, strict=True))) for _ in range(2000)]
    assert told.p_value == pytest.approx(sum(abs(r) >= abs(told.r) for r in shuffled) / 2000, abs=0.03)


def test_perfect_agreement_has_the_p_value_0() -> None:
    assert found([(n / 10, n) for n in range(9)]) == LengthCorrelation(
        n=9, r=pytest.approx(1.0), p_value=pytest.approx(0, abs=1e-12)
    )
    assert found([(n / 10, -n + 9) for n in range(9)]).r == pytest.approx(-1.0)


@pytest.mark.parametrize("pairs", [[], [(0.1, 2)] * 3, [(0.5, n) for n in range(30)], [(n / 30, 7) for n in range(30)]])
def test_where_nothing_varies_there_is_no_correlation(pairs: list[tuple[float, int]]) -> None:
    assert length_correlation(rollouts(pairs)) is None


def test_failed_rollouts_and_those_of_the_same_text_do_not_count() -> None:
    pairs = drawn(1, 30, points=11, pull=1)
    some = rollouts(pairs)
    more = [replace(some[0], score=None, error="timeout"), replace(some[1], flags=(SAME_TEXT,))]
    assert length_correlation([*some, *more]) == found(pairs)


@pytest.mark.parametrize(
    ("n", "r", "p_value", "says"),
    [
        (20, 0.5, 0.01, "longer outputs got higher scores (rank correlation +0.50 over 20 outputs)"),
        (400, -0.7, 0.0, "shorter outputs got higher scores (rank correlation -0.70 over 400 outputs)"),
        (19, 0.9, 0.0, None),
        (400, 0.49, 0.0, None),
        (20, 0.5, 0.02, None),
    ],
)
def test_a_strong_correlation_is_warned_of(n: int, r: float, p_value: float, says: str | None) -> None:
    warned = [each.message for each in length_warning(LengthCorrelation(n=n, r=r, p_value=p_value))]
    assert [each.partition(":")[0] for each in warned] == ([says] if says else [])


def test_a_model_that_judges_itself_is_warned_of() -> None:
    assert [each.code for each in same_model_warning(target="m", judge="m")] == ["judge_is_target"]
    assert [*same_model_warning(target="m", judge="n"), *length_warning(None)] == []
