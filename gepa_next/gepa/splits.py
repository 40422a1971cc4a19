"""Who sees which example: train for reflection, validation for selection, test for nobody until the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from gepa_next.gepa.types import Example

SMALLEST_WITH_TEST = 12
SMALLEST_WITH_VALIDATION = 4
LARGEST_VALIDATION = 100
LARGEST_TEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSizes:
    """How many examples each split holds."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The examples by purpose. With too few to divide, train and validation are the same ones."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]


def default_sizes(count: int) -> SplitSizes:
    """Return a third each; no test below 12 examples; below 4 all serve for train and validation both."""
    if count < SMALLEST_WITH_VALIDATION:
        return SplitSizes(train=count, validation=count, test=0)
    if count < SMALLEST_WITH_TEST:
        return SplitSizes(train=count - count // 2, validation=count // 2, test=0)
    test = min(count // 3, LARGEST_TEST)
    validation = min((count - test) // 2, LARGEST_VALIDATION)
    return SplitSizes(train=count - test - validation, validation=validation, test=test)


def divide(examples: Sequence[Example], sizes: SplitSizes, *, seed: int) -> Splits:
    """Deal the examples by a hash of seed and id, so that order of arrival does not matter."""
    dealt = sorted(examples, key=lambda example: sha256(f"{seed}/{example.id}".encode()).digest())
    if sizes.train + sizes.validation + sizes.test > len(dealt):
        return Splits(train=tuple(dealt), validation=tuple(dealt), test=())
    return Splits(
        test=tuple(dealt[: sizes.test]),
        validation=tuple(dealt[sizes.test : sizes.test + sizes.validation]),
        train=tuple(dealt[sizes.test + sizes.validation :][: sizes.train]),
    )
