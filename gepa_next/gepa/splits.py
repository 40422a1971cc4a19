"""Who sees which example: train for reflection, validation for selection, test for nobody until the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from gepa_next.gepa.types import Example

SMALLEST_WITH_TEST = 12
SMALLEST_WITH_VALIDATION = 4
LARGEST_VALIDATION = 100
LARGEST_TEST = 200

Together: TypeAlias = Sequence[Sequence[str]]  # ids of examples that go to one split, in groups


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSizes:
    """How many examples each split holds."""

    train: int
    validation: int
    test: int

    @property
    def total(self) -> int:
        """How many examples all splits hold."""
        return self.train + self.validation + self.test


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The examples by purpose. With too few to divide, train and validation are the same ones."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]

    @property
    def sizes(self) -> SplitSizes:
        """How many examples each holds."""
        return SplitSizes(train=len(self.train), validation=len(self.validation), test=len(self.test))


def default_sizes(count: int) -> SplitSizes:
    """Return a third each; no test below 12 examples; below 4 all serve for train and validation both."""
    if count < SMALLEST_WITH_VALIDATION:
        return SplitSizes(train=count, validation=count, test=0)
    if count < SMALLEST_WITH_TEST:
        return SplitSizes(train=count - count // 2, validation=count // 2, test=0)
    test = min(count // 3, LARGEST_TEST)
    validation = min((count - test) // 2, LARGEST_VALIDATION)
    return SplitSizes(train=count - test - validation, validation=validation, test=test)


def divide(examples: Sequence[Example], sizes: SplitSizes, *, seed: int, together: Together = ()) -> Splits:
    """Deal the examples by a hash of seed and id, so that order of arrival does not matter.

    Those whose ids are `together` go to one split, unless train or validation would be left without any. A split may
    then be a few smaller than it was to be, train larger; dealing again by the sizes that came out changes nothing.
    """
    order = sorted(examples, key=lambda example: sha256(f"{seed}/{example.id}".encode()).digest())
    if sizes.total > len(order):
        return Splits(train=tuple(order), validation=tuple(order), test=())
    dealt = _dealt(_units(order, together), sizes)
    return dealt if dealt.train and dealt.validation else _dealt([[each] for each in order], sizes)


def _units(order: Sequence[Example], together: Together) -> list[list[Example]]:
    """Return the examples that are dealt at once, each unit in the place of its first."""
    group_of = {example_id: number for number, group in enumerate(together) for example_id in group}
    units: dict[int | str, list[Example]] = {}
    for each in order:
        units.setdefault(group_of.get(each.id, each.id), []).append(each)
    return list(units.values())


def _dealt(units: Sequence[list[Example]], sizes: SplitSizes) -> Splits:
    all_serve = sizes.total == sum(map(len, units))
    test, units = _taken(units, sizes.test)
    validation, units = _taken(units, sizes.validation)
    rest = [each for unit in units for each in unit]
    return Splits(train=tuple(rest if all_serve else rest[: sizes.train]), validation=validation, test=test)


def _taken(units: Sequence[list[Example]], room: int) -> tuple[tuple[Example, ...], list[list[Example]]]:
    """Return the first units that there is room for, or the smallest if there is for none, and the other units."""
    taken: list[Example] = []
    left: list[list[Example]] = []
    for unit in units:
        if len(taken) + len(unit) <= room:
            taken.extend(unit)
        else:
            left.append(unit)
    if room and left and not taken:
        taken = left.pop(left.index(min(left, key=len)))
    return tuple(taken), left
