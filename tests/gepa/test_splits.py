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
