"""The final comparison alone, many times: how often its interval holds the truth, and what it claims."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.truth.kinds import KINDS, Kind, true_difference
from gepa_next.gepa.paired import PairedTest, against_seed, verdict

SIZES = (6, 8, 12, 20, 60, 200)
LARGE = 60  # from here on the fewer repetitions, the larger it is
GAINS = (0.0, 0.15)


@dataclass(frozen=True)
class Setting:
    """One kind of score, one number of held-out examples, one gain."""

    kind: str
    n: int
    gain: float


def settings() -> list[Setting]:
    """Return every setting, the long ones first."""
    found = [Setting(kind.name, n, gain) for kind in KINDS for n in SIZES for gain in GAINS]
    return sorted(found, key=lambda each: -each.n)


def compared(setting: Setting, repetitions: int) -> dict[str, object]:
    """Return how often the interval held the truth, lay above or below it, and how often which verdict was given."""
    kind = next(each for each in KINDS if each.name == setting.kind)
    repetitions = repetitions * LARGE // max(LARGE, setting.n)
    truth, counts = (
        true_difference(kind, setting.gain),
        dict.fromkeys(("holds", "above", "below", "improved", "worse"), 0),
    )
    widths = []
    for found in _tests(kind, setting, repetitions):
        low, high = found.interval
        where = "above" if low > truth + 1e-9 else "below" if high < truth - 1e-9 else "holds"
        counts[where] += 1
        widths.append(high - low)
        if (word := verdict(found)) in counts:
            counts[word] += 1
    row = {"part": "comparison", "kind": setting.kind, "n": setting.n, "gain": setting.gain, "truth": round(truth, 4)}
    width = sorted(widths)[len(widths) // 2]
    return {**row, "repetitions": repetitions, **counts, "width": round(width, 4)}


def _tests(kind: Kind, setting: Setting, repetitions: int) -> Iterator[PairedTest]:
    for number in range(repetitions):
        rng = random.Random(f"{setting}/{number}")  # noqa: S311 - for repetition, not for secrets
        pairs = {f"e{place}": kind.draw(rng, setting.gain) for place in range(setting.n)}
        seed_scores = {key: seed for key, (seed, _) in pairs.items()}
        found = against_seed(1, seed_scores, {key: other for key, (_, other) in pairs.items()}, seed=number)
        if found is not None:
            yield found
