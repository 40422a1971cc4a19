"""The targets of the search, each by name, with pass or fail and the figures it is judged by."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.search.markdown import section, shown_chance, table
from benchmarks.search.results import Result, Results, final_score, reached_at, rollouts_to, score_at
from benchmarks.search.rivals import Compared, compared, lowest, never_worse, rivals_shown
from benchmarks.search.significance import LEVEL, chance_of_as_many
from benchmarks.search.systems import DEFAULT, OURS
from benchmarks.search.timings import THREADS, Timings

HALF = 0.5
CONFLICT = 0.7
FALSE_ACCEPTANCES = 0.1
TIMES_FASTER = 4.0
CLOCKED = ("additive", "conflict")
RESAMPLES = 500
GRID = 120  # places at which resampled curves are read
ON_THE_WAY = (0.125, 0.25, 0.5)

SEED_SAYS = """\
In how many trials the returned prompt of ours is truly worse or better than the seed prompt; p of the exact binomial
test that worse is no likelier than better (one-sided, not adjusted, which is the harder reading)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for, whether it is so (None: not measured), and by which figures."""

    name: str
    passed: bool | None
    figures: str

    @property
    def row(self) -> list[str]:
        """The line of the table."""
        verdict = {True: "pass", False: "**FAIL**", None: "not measured"}[self.passed]
        return [self.name, verdict, self.figures]


def answered(results: Results, timings: Timings) -> str:
    """Return the section of the report that answers each target."""
    at_the_end = compared(results, [1.0])
    worse_than_seed, seeds = _seed_prompt(results)
    targets = [
        *(_half_the_rollouts(results, family) for family in ("additive", "conflict")),
        _never_worse(at_the_end, "at the end"),
        _never_worse(compared(results, ON_THE_WAY), "at an eighth, a quarter and half of the budget"),
        _conflict(results),
        worse_than_seed,
        _false_acceptances(results),
        *_clock(timings),
    ]
    head = table(["target", "", "figures"], [each.row for each in targets])
    return section("## Targets", head, *([rivals_shown(at_the_end)] if at_the_end else []), *([seeds] if seeds else []))


def _half_the_rollouts(results: Results, family: str) -> Target:
    name = f"`{family}`: half the rollouts of the reference's default to its score"
    pairs = results.pairs(family, OURS, DEFAULT)
    if not pairs:
        return Target(name, None, "")
    ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]
    goal = median(final_score(each) for each in theirs)
    mine, its = rollouts_to(ours, goal), rollouts_to(theirs, goal)
    low, high = _ratio_interval(pairs)
    by_seed = median(
        reached_at(one["curve"], end) / reached_at(other["curve"], end) for one, other, end in _ends(pairs)
    )
    figures = f"to {goal:.2f}: {mine:.0f} of {its:.0f} rollouts, {mine / its:.2f} [{low:.2f}, {high:.2f}]"
    return Target(name, mine / its <= HALF, f"{figures}; median of the ratios by seed {by_seed:.2f}")


def _ends(pairs: Sequence[tuple[Result, Result]]) -> list[tuple[Result, Result, float]]:
    return [(one, other, final_score(other)) for one, other in pairs]


def _ratio_interval(pairs: Sequence[tuple[Result, Result]]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the ratio of rollouts, seeds drawn again with both their trials."""
    rng, total = random.Random(1), pairs[0][0]["max_rollouts"]
    places = [total * (n + 1) / GRID for n in range(GRID)]
    readings = [tuple([score_at(each, at) for at in places] for each in pair) for pair in pairs]
    ratios = []
    for _ in range(RESAMPLES):
        drawn = rng.choices(readings, k=len(readings))
        ours, theirs = (
            [median(column) for column in zip(*(pair[side] for pair in drawn), strict=True)] for side in (0, 1)
        )
        goal = theirs[-1]
        ratios.append(
            reached_at(zip(places, ours, strict=True), goal) / reached_at(zip(places, theirs, strict=True), goal)
        )
    ratios.sort()
    return ratios[int(0.025 * RESAMPLES)], ratios[int(0.975 * RESAMPLES)]


def _never_worse(found: Sequence[Compared], where: str) -> Target:
    name = f"never significantly worse than the best of reference, its greedy setting and climb, on any family, {where}"
    return Target(name, passed := never_worse(found), "" if passed is None else lowest(found))


def _conflict(results: Results) -> Target:
    name = f"`conflict`: at least {CONFLICT} at the end"
    scores = [final_score(each) for each in results.of("conflict", OURS)]
    theirs = [final_score(each) for each in results.of("conflict", DEFAULT)]
    if not scores:
        return Target(name, None, "")
    enough = sum(score >= CONFLICT for score in scores)
    beside = f"; the reference {median(theirs):.2f}" if theirs else ""
    figures = f"median {median(scores):.2f}, {enough} of {len(scores)} trials at least {CONFLICT}{beside}"
    return Target(name, median(scores) >= CONFLICT, figures)


def _seed_prompt(results: Results) -> tuple[Target, str]:
    name = "no family where the returned prompt is worse than the seed prompt more often than chance"
    scores = {family: [final_score(each) for each in results.of(family, OURS)] for family in results.families}
    worse = {family: sum(score < 0 for score in found) for family, found in scores.items()}
    better = {family: sum(score > 0 for score in found) for family, found in scores.items()}
    chances = {family: chance_of_as_many(worse[family], worse[family] + better[family]) for family in scores}
    trials = [len(found) for found in scores.values()]
    if 0.5 ** min(trials, default=0) >= LEVEL:
        return Target(name, None, ""), ""
    lowest_chance = min(chances.values())
    figures = f"worse in {sum(worse.values())} of {sum(trials)} trials; lowest p {shown_chance(lowest_chance)}"
    counts = {family: (worse[family], better[family], len(scores[family])) for family in scores}
    rows = [
        [family, f"{low}", f"{high}", f"{total - low - high}", shown_chance(chances[family])]
        for family, (low, high, total) in counts.items()
    ]
    shown = section("### Ours and the seed prompt", SEED_SAYS, table(["family", "worse", "better", "same", "p"], rows))
    return Target(name, lowest_chance >= LEVEL, figures), shown


def _false_acceptances(results: Results) -> Target:
    name = f"at most {FALSE_ACCEPTANCES:.0%} of worthless proposals accepted, on any family"
    counts = {family: false_acceptances(results.of(family, OURS)) for family in results.families}
    shares = {family: wrongly / worthless for family, (wrongly, worthless) in counts.items() if worthless}
    if not shares:
        return Target(name, None, "")
    figures = ", ".join(f"`{family}` {share:.1%} of {counts[family][1]}" for family, share in shares.items())
    return Target(name, max(shares.values()) <= FALSE_ACCEPTANCES, figures)


def false_acceptances(results: Sequence[Result]) -> tuple[int, int]:
    """Return how many worthless proposals were accepted, and how many there were."""
    return sum(each["worthless_accepted"] for each in results), sum(each["worthless"] for each in results)


def _clock(timings: Timings) -> list[Target]:
    return [_faster(timings, family, threads) for family in CLOCKED for threads in THREADS]


def _faster(timings: Timings, family: str, threads: int) -> Target:
    name = f"`{family}`: {TIMES_FASTER:.0f} times faster to the reference's score than its run, {threads} threads each"
    ratios = [pair.faster for pair in timings.pairs(family, threads)]
    if not ratios:
        return Target(name, None, "")
    figures = f"median {median(ratios):.1f}, {min(ratios):.1f} to {max(ratios):.1f}"
    return Target(name, median(ratios) >= TIMES_FASTER, figures)
