"""Kinds of noisy scores of two prompts, with the true mean difference known: one pair for each example."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

MOST = 1.0
Pair = tuple[float, float]
Draw = Callable[[random.Random, float], Pair]


@dataclass(frozen=True)
class Kind:
    """A kind of score; `draw` gives the seed prompt's score and the other's, which is better by the gain on average."""

    name: str
    said: str
    draw: Draw


@cache
def true_difference(kind: Kind, gain: float) -> float:
    """Return the true mean difference: the gain, as far as the limits of scores leave it; 0 is 0."""
    if gain == 0:
        return 0.0
    rng = random.Random(f"truth/{kind.name}/{gain}")  # noqa: S311 - for repetition, not for secrets
    pairs = [kind.draw(rng, gain) for _ in range(200_000)]
    return sum(other - seed for seed, other in pairs) / len(pairs)


def _within(score: float) -> float:
    return min(MOST, max(0.0, score))


def _zero_or_one(rng: random.Random, gain: float) -> Pair:
    chance = rng.betavariate(2, 2) * (MOST - gain)
    return float(rng.random() < chance), float(rng.random() < chance + gain)


def _seldom_wrong(rng: random.Random, gain: float) -> Pair:
    chance = rng.betavariate(9, 1) * (MOST - gain)
    return float(rng.random() < chance), float(rng.random() < chance + gain)


def _noisy(rng: random.Random, gain: float, spread: float) -> Pair:
    quality = rng.betavariate(3, 2) * (MOST - gain)
    return _within(rng.gauss(quality, spread)), _within(rng.gauss(quality + gain, spread))


def _continuous(rng: random.Random, gain: float) -> Pair:
    return _noisy(rng, gain, 0.2)


def _tenths(rng: random.Random, gain: float) -> Pair:
    seed, other = _noisy(rng, gain, 0.15)
    return round(seed, 1), round(other, 1)


def _mostly_full_marks(rng: random.Random, gain: float) -> Pair:
    return tuple(  # type: ignore[return-value]  # of two
        1.0 if rng.random() < share else round(rng.random(), 1) for share in (0.7, 0.7 + gain)
    )


def _skewed(rng: random.Random, gain: float) -> Pair:
    """Gain much on few examples and lose a little on most."""
    seed, shift = 0.15, rng.betavariate(0.4, 2.4) - 0.4 / 2.8
    return seed, _within(seed + gain + shift)


def _uneven(rng: random.Random, gain: float) -> Pair:
    return _noisy(rng, gain, 0.02 + 0.4 * rng.betavariate(0.7, 2))


def _rare_losses(rng: random.Random, gain: float) -> Pair:
    """Gain a little on most examples and lose much on one of twelve, as an answer that is sometimes off the point."""
    return 0.6, _within(0.6 + gain + (-0.55 if rng.random() < 1 / 12 else 0.05) + rng.choice([-0.01, 0.0, 0.01]))


KINDS = (
    Kind("zero_or_one", "0 or 1, each example as hard as it is", _zero_or_one),
    Kind("seldom_wrong", "0 or 1, and nearly always 1", _seldom_wrong),
    Kind("tenths", "tenths, as a judge gives them, with noise", _tenths),
    Kind("full_marks", "tenths, and 1.0 on seven of ten examples", _mostly_full_marks),
    Kind("continuous", "any number, with noise", _continuous),
    Kind("skewed", "any number, the difference large on few examples", _skewed),
    Kind("uneven", "any number, with noise that differs from example to example", _uneven),
    Kind("rare_losses", "a little better on most examples, and much worse on one of twelve", _rare_losses),
)
