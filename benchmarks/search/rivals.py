"""Is ours ever worse than its rivals? Exact paired tests, adjusted for their number."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from benchmarks.search.markdown import section, shown_chance, table
from benchmarks.search.results import Results, score_at
from benchmarks.search.significance import LEVEL, chance_of_less, holm, interval
from benchmarks.search.systems import OURS, RIVALS

SAYS = """\
Is ours worse? The differences at the end of the budget are paired by seed; shown are their mean with its 95 % bootstrap
interval, and p of Fisher's exact randomisation test that ours is as good (one-sided: small if ours is worse). p is
adjusted after Holm in two ways: for the number of all lines, and, where the rival is the best of the three in its
family, for the number of families. The best is who has the highest mean in these same trials, which is the harder
choice for ours."""


@dataclass(slots=True)
class Compared:
    """Ours and a rival on a family at a share of the budget."""

    family: str
    rival: str
    share: float
    differences: list[float]
    chance: float
    of_each: float = 1.0  # adjusted for all comparisons
    of_best: float | None = None  # adjusted for the families; only for the best of the rivals


def compared(results: Results, shares: Sequence[float]) -> list[Compared]:
    """Return all comparisons with their adjusted p values; none if a rival was not run on a family."""
    found = [
        Compared(family, rival, share, differences, chance_of_less(differences))
        for share in shares
        for family in results.families
        for rival in RIVALS
        if (differences := results.differences(family, OURS, rival, share))
    ]
    if len(found) < len(shares) * len(results.families) * len(RIVALS):
        return []
    for each, adjusted in zip(found, holm([one.chance for one in found]), strict=True):
        each.of_each = adjusted
    best = [each for each in found if each.rival == best_rival(results, each.family, each.share)]
    for each, adjusted in zip(best, holm([one.chance for one in best]), strict=True):
        each.of_best = adjusted
    return found


def best_rival(results: Results, family: str, share: float) -> str:
    """Return the rival with the highest mean at a share of the budget."""
    scores = {rival: [score_at(e, share * e["max_rollouts"]) for e in results.of(family, rival)] for rival in RIVALS}
    return max(RIVALS, key=lambda rival: mean(scores[rival] or [-1.0]))


def never_worse(found: Sequence[Compared]) -> bool | None:
    """Return whether no adjusted p value says that ours is worse, None if the trials are too few for one to say so."""
    of_best = [each.of_best for each in found if each.of_best is not None]
    least_chance = 0.5 ** min((len(each.differences) for each in found), default=0)
    if not found or least_chance * len(of_best) >= LEVEL:
        return None
    return min(*of_best, *(each.of_each for each in found)) >= LEVEL


def lowest(found: Sequence[Compared]) -> str:
    """Return the lowest adjusted p values in words."""
    of_best = min(each.of_best for each in found if each.of_best is not None)
    of_each = min(each.of_each for each in found)
    return f"lowest adjusted p {shown_chance(of_best)} against the best, {shown_chance(of_each)} against each"


def rivals_shown(found: Sequence[Compared]) -> str:
    """Return the table of all comparisons."""
    head = ["family", "rival", "ours minus rival", "p", "p adjusted", "p adjusted, best only"]
    return section("### Ours and its rivals at the end", SAYS, table(head, [_row(each) for each in found]))


def _row(each: Compared) -> list[str]:
    low, high = interval(each.differences)
    difference = f"{mean(each.differences):+.3f} [{low:+.3f}, {high:+.3f}]"
    best = "" if each.of_best is None else shown_chance(each.of_best)
    return [each.family, each.rival, difference, shown_chance(each.chance), shown_chance(each.of_each), best]
