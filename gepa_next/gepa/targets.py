"""Several targets compared: what each of their champions scored on the same held-out examples, pair by pair."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from gepa_next.gepa.paired import PairedTest, paired_test, verdict
from gepa_next.gepa.statistics import CONFIDENCE

WORDS = {"improved": "better", "worse": "worse"}
Scores = tuple[tuple[str, float], ...]  # by example


@dataclass(frozen=True, slots=True)
class Difference:
    """Two champions on the examples that both have a score for, the first against the second; None without any."""

    first: int
    second: int
    found: PairedTest | None
    verdict: str


def differences(scores: Sequence[Scores], *, seed: int) -> Iterator[Difference]:
    """Yield each pair by its places, `better`, `worse`, `not_shown` or `inconclusive`.

    Of all pairs together one is called better or worse by mere chance in 5 of 100 comparisons at most: each must be as
    unlikely as that divided by the number of pairs (Dunn, "Multiple Comparisons Among Means", Journal of the American
    Statistical Association 56, 1961).
    """
    pairs = list(combinations(range(len(scores)), 2))
    for first, second in pairs:
        found = _paired(scores[second], scores[first], seed)
        said = verdict(found)
        if found is not None and said in WORDS:
            said = WORDS[said] if found.p_value * len(pairs) <= 1 - CONFIDENCE else "not_shown"
        yield Difference(first, second, found, said)


@lru_cache(maxsize=1024)  # it takes up to some tenths of a second, and everybody asks again
def _paired(before: Scores, after: Scores, seed: int) -> PairedTest | None:
    return paired_test(dict(before), dict(after), seed=seed)
