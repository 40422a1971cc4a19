"""Examples are dealt by seed and id alone, and none serves two purposes when there are enough."""

import random

import pytest

from gepa_next.gepa.splits import LARGEST_TEST, LARGEST_VALIDATION, SplitSizes, default_sizes, divide
from tests.gepa.stage import requests


def test_the_deal_does_not_depend_on_the_order_of_arrival() -> None:
    examples = list(requests(40))
    dealt = divide(examples, default_sizes(40), seed=3)
    random.Random(1).shuffle(examples)  # noqa: S311 - for repetition, not for secrets
    assert divide(examples, default_sizes(40), seed=3) == dealt


def test_another_seed_deals_differently() -> None:
    assert divide(requests(40), default_sizes(40), seed=3) != divide(requests(40), default_sizes(40), seed=4)


@pytest.mark.parametrize("count", [4, 5, 11, 12, 13, 40, 1000])
def test_no_example_serves_two_purposes_and_none_is_lost(count: int) -> None:
    dealt = divide(requests(count), default_sizes(count), seed=1)
    everything = [*dealt.train, *dealt.validation, *dealt.test]
    assert sorted(each.id for each in everything) == sorted(each.id for each in requests(count))
    assert dealt.train
    assert dealt.validation


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_to_divide_serve_for_train_and_validation_both(count: int) -> None:
    dealt = divide(requests(count), default_sizes(count), seed=1)
    assert dealt.train == dealt.validation
    assert (len(dealt.train), dealt.test) == (count, ())


@pytest.mark.parametrize(
    ("count", "train", "validation", "test"), [(4, 2, 2, 0), (11, 6, 5, 0), (12, 4, 4, 4), (30, 10, 10, 10)]
)
def test_the_default_is_a_third_each_once_there_are_twelve(count: int, train: int, validation: int, test: int) -> None:
    assert default_sizes(count) == SplitSizes(train=train, validation=validation, test=test)


def test_validation_and_test_do_not_grow_without_end() -> None:
    sizes = default_sizes(10_000)
    assert (sizes.validation, sizes.test) == (LARGEST_VALIDATION, LARGEST_TEST)
    assert sizes.train == 10_000 - LARGEST_VALIDATION - LARGEST_TEST


def test_sizes_below_the_number_of_examples_leave_some_unused() -> None:
    dealt = divide(requests(20), SplitSizes(train=3, validation=2, test=1), seed=1)
    assert (len(dealt.train), len(dealt.validation), len(dealt.test)) == (3, 2, 1)


def test_no_examples_are_nobodys() -> None:
    dealt = divide((), SplitSizes(train=4, validation=4, test=4), seed=1)
    assert (dealt.train, dealt.validation, dealt.test) == ((), (), ())


def in_threes(count: int) -> list[list[str]]:
    ids = [each.id for each in requests(count)]
    return [ids[at : at + 3] for at in range(0, count, 3)]


@pytest.mark.parametrize("count", [12, 13, 30, 100, 1000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_examples_that_belong_together_are_in_one_split(count: int, seed: int) -> None:
    dealt = divide(requests(count), default_sizes(count), seed=seed, together=in_threes(count))
    splits = [{each.id for each in split} for split in (dealt.train, dealt.validation, dealt.test)]
    for group in in_threes(count):
        assert sum(bool(split.intersection(group)) for split in splits) == 1
    assert sum(map(len, splits)) == count
    wanted = default_sizes(count)
    assert wanted.test - 2 <= len(dealt.test) <= wanted.test
    assert wanted.validation - 2 <= len(dealt.validation) <= wanted.validation


@pytest.mark.parametrize("sizes", [(20, 5, 5), (10, 4, 2), (3, 1, 1), (1, 28, 1)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_dealing_by_the_sizes_that_came_out_changes_nothing(sizes: tuple[int, int, int], seed: int) -> None:
    train, validation, test = sizes
    wanted = SplitSizes(train=train, validation=validation, test=test)
    together = [*in_threes(18), [each.id for each in requests(30)[18:22]]]
    dealt = divide(requests(30), wanted, seed=seed, together=together)
    assert divide(requests(30), dealt.sizes, seed=seed, together=together) == dealt
    assert all((dealt.train, dealt.validation, dealt.test))


def test_where_single_examples_fill_the_gaps_the_sizes_are_as_wanted() -> None:
    dealt = divide(requests(30), default_sizes(30), seed=1, together=in_threes(12))
    assert dealt.sizes == default_sizes(30)


def test_a_split_without_room_for_any_group_takes_the_smallest_whole() -> None:
    pairs = [[a.id, b.id] for a, b in zip(requests(12)[::2], requests(12)[1::2], strict=True)]
    dealt = divide(requests(12), SplitSizes(train=7, validation=4, test=1), seed=1, together=pairs)
    assert dealt.sizes == SplitSizes(train=6, validation=4, test=2)


def test_where_a_group_would_leave_nothing_to_learn_from_examples_are_dealt_one_by_one() -> None:
    everything = [[each.id for each in requests(12)]]
    assert divide(requests(12), default_sizes(12), seed=1, together=everything).sizes == default_sizes(12)
    assert divide(requests(12), default_sizes(12), seed=1) == divide(
        requests(12), default_sizes(12), seed=1, together=everything
    )
