"""The report's section on time, made of the raw timings."""

from statistics import median

from benchmarks.search.markdown import section, table
from benchmarks.search.results import Results, reached_at
from benchmarks.search.systems import DEFAULT, OURS

SAYS = """\
Models that take time (target and judge 50 ms each, reflector 200 ms), ten threads for either search, 600 rollouts;
medians over seeds. *Faster to the end* is how long the reference's run takes against the time after which ours has, and
keeps, the score at which that run ends, with the same seed; *faster to its score* is the time after which the reference
has that score itself, against the same."""


def times_faster(timings: Results, family: str) -> list[float]:
    """Return by seed how many times sooner ours has the score at which the reference's run ends."""
    return [
        theirs["curve"][-1][0] / reached_at(mine["curve"], theirs["curve"][-1][1])
        for mine, theirs in timings.pairs(family, OURS, DEFAULT)
    ]


def _to_its_score(timings: Results, family: str) -> list[float]:
    ratios = []
    for mine, theirs in timings.pairs(family, OURS, DEFAULT):
        score = theirs["curve"][-1][1]
        ratios.append(reached_at(theirs["curve"], score) / reached_at(mine["curve"], score))
    return ratios


def timings_shown(timings: Results) -> str:
    """Return the section, nothing if nothing was timed."""
    rows = [_row(timings, family) for family in timings.families if timings.pairs(family, OURS, DEFAULT)]
    head = ["family", "seeds", "the reference ends at", "after s", "ours has that after s"]
    head += ["faster to the end", "least to most", "faster to its score"]
    return section("## Time", SAYS, table(head, rows)) if rows else ""


def _row(timings: Results, family: str) -> list[str]:
    pairs, faster = timings.pairs(family, OURS, DEFAULT), times_faster(timings, family)
    score = median(theirs["curve"][-1][1] for _, theirs in pairs)
    seconds = median(theirs["curve"][-1][0] for _, theirs in pairs)
    mine = median(reached_at(one["curve"], other["curve"][-1][1]) for one, other in pairs)
    shown = [family, f"{len(pairs)}", f"{score:.2f}", f"{seconds:.1f}", f"{mine:.1f}", f"{median(faster):.1f}"]
    return [*shown, f"{min(faster):.1f}-{max(faster):.1f}", f"{median(_to_its_score(timings, family)):.1f}"]
