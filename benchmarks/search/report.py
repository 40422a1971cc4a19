"""The report: Markdown made from raw results and nothing else.

python -m benchmarks.search.report docs/benchmarks reported
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median, quantiles

from benchmarks.search.markdown import section, table
from benchmarks.search.records import read
from benchmarks.search.results import COARSEST, Result, Results, final_score, median_curve, reached_at, score_at
from benchmarks.search.significance import interval, standard_error
from benchmarks.search.systems import DEFAULT, OURS
from benchmarks.search.targets import answered, false_acceptances
from benchmarks.search.timings import Timings, timings_shown

SHARES = (0.125, 0.25, 0.5, 1.0)  # of a family's budget
SPEED_SAYS = f"""\
The rollouts from which the median over the trials has, and keeps, the reference's median score at the end (less
{COARSEST}); in brackets the median of the rollouts from which single trials have it. inf is never."""


def write_report(folder: Path, kind: str) -> str:
    """Write the report beside the raw results that lie in the folder, and return it."""
    report = written(read(folder / f"search-{kind}.jsonl"), read(folder / f"clock-{kind}.jsonl"))
    (folder / f"search-{kind}.md").write_text(report, encoding="utf-8")
    return report


def written(trials: Iterable[Result], timed: Iterable[Result] = ()) -> str:
    """Return the whole report."""
    results, timings = Results(trials), Timings(timed)
    parts = [answered(results, timings), _overall(results), _scores(results), _speed(results), timings_shown(timings)]
    parts += [
        _against(results),
        _gates(results),
        _reflections(results),
        _ablations(results),
        _made_by(results, timings),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _overall(results: Results) -> str:
    """Return the means over families, of the systems that were run on all of them, the best at the end first."""
    run_on_all = [s for s in results.whole_systems if all(results.of(family, s) for family in results.families)]
    means = {system: [_mean_over_families(results, system, share) for share in SHARES] for system in run_on_all}
    best_first = sorted(run_on_all, key=lambda system: means[system][-1], reverse=True)
    rows = [[system, *(f"{each:.3f}" for each in means[system])] for system in best_first]
    head = ["system", *(f"at {share:.3g} of the budget" for share in SHARES)]
    return section("## Mean scores over all families", table(head, rows)) if rows else ""


def _mean_over_families(results: Results, system: str, share: float) -> float:
    found = (results.of(family, system) for family in results.families)
    return mean(mean(score_at(each, share * each["max_rollouts"]) for each in trials) for trials in found)


def _scores(results: Results) -> str:
    rows = [
        [family, system, *_score_cells(mine)]
        for family in results.families
        for system in results.whole_systems
        if (mine := results.of(family, system))
    ]
    head = ["family", "system", *(f"at {share:.3g} of the budget" for share in SHARES)]
    head += ["quartiles at the end", "mean ± standard error", "worse than seed", "failed", "trials"]
    return section("## Scores", table(head, rows)) if rows else ""


def _score_cells(mine: list[Result]) -> list[str]:
    total = mine[0]["max_rollouts"]
    at = [f"{median(score_at(each, share * total) for each in mine):.2f}" for share in SHARES]
    final = [final_score(each) for each in mine]
    low, _, high = quantiles(final, n=4) if len(final) > 1 else final * 3
    spread = [f"{low:.2f}-{high:.2f}", f"{mean(final):.3f} ± {standard_error(final):.3f}"]
    worse, failed = sum(score < 0 for score in final), sum("failed" in each for each in mine)
    return [*at, *spread, f"{worse}", f"{failed}", f"{len(mine)}"]


def _speed(results: Results) -> str:
    rows = []
    for family in results.families:
        if theirs := results.of(family, DEFAULT):
            goal = median(final_score(each) for each in theirs)
            reached = [_rollouts(results.of(family, system), goal) for system in results.whole_systems]
            rows.append([family, f"{goal:.2f}", *reached])
    head = ["family", "the reference's median score at the end", *results.whole_systems]
    return (
        section("## Rollouts to the score at which the reference ends", SPEED_SAYS, table(head, rows)) if rows else ""
    )


def _rollouts(mine: list[Result], goal: float) -> str:
    if not mine:
        return ""
    single = median(reached_at(each["curve"], goal) for each in mine)
    return f"{reached_at(median_curve(mine), goal):.0f} ({single:.0f})"


def _against(results: Results) -> str:
    rows = [
        [family, other, *(_difference(results.differences(family, OURS, other, share)) for share in SHARES)]
        for family in results.families
        for other in results.whole_systems
        if other != OURS and results.pairs(family, OURS, other)
    ]
    head = ["family", "against", *(f"at {share:.3g} of the budget" for share in SHARES)]
    return section("## Ours minus another, paired by seed, with 95 % interval", table(head, rows)) if rows else ""


def _difference(differences: list[float]) -> str:
    low, high = interval(differences)
    return f"{mean(differences):+.3f} [{low:+.3f}, {high:+.3f}]{' **worse**' if high < 0 else ''}"


def _gates(results: Results) -> str:
    rows = []
    for family in results.families:
        cells = []
        for system in results.whole_systems:
            mine = results.of(family, system)
            wrongly, worthless = false_acceptances(mine)
            cells.append(f"{100 * wrongly / max(1, worthless):.0f} % of {worthless / max(1, len(mine)):.0f}")
        rows.append([family, *cells])
    title = "## Worthless proposals that were accepted"
    return section(title, table(["family", *results.whole_systems], rows)) if rows else ""


def _reflections(results: Results) -> str:
    """Return what the budget does not count: how often the reflector was asked."""

    def asked(family: str, system: str) -> str:
        calls = [each["reflections"] for each in results.of(family, system)]
        return f"{median(calls):.0f}" if calls else ""

    rows = [[family, *(asked(family, each) for each in results.whole_systems)] for family in results.families]
    title = "## Calls of the reflector in a whole trial, which no budget here counts (median)"
    return section(title, table(["family", *results.whole_systems], rows)) if rows else ""


def _ablations(results: Results) -> str:
    systems = [each for each in results.systems if each not in results.whole_systems]
    rows = [
        _idea(results, system) for system in systems if all(results.pairs(f, OURS, system) for f in results.families)
    ]
    head = ["idea", *(f"at {share:.3g}" for share in SHARES), "95 % interval, from 0.25 on", *results.families]
    title = "## What each idea is worth: ours minus ours without it, mean over families; by family at half the budget"
    return section(title, table(head, rows)) if rows else ""


def _idea(results: Results, system: str) -> list[str]:
    by_share = {share: [results.differences(f, OURS, system, share) for f in results.families] for share in SHARES}
    means = [f"{mean(mean(each) for each in by_share[share]):+.3f}" for share in SHARES]
    # A trial's readings are not independent of one another: first their mean, then the trials are drawn again.
    families = zip(*(by_share[share] for share in SHARES[1:]), strict=True)
    low, high = interval([mean(trial) for readings in families for trial in zip(*readings, strict=True)])
    by_family = [f"{mean(each):+.3f}" for each in by_share[0.5]]
    return [system.removeprefix(f"{OURS} without "), *means, f"[{low:+.3f}, {high:+.3f}]", *by_family]


def _made_by(results: Results, timings: Timings) -> str:
    """Return the hashes of the sources, so that a reader sees whether all lines are of the same."""
    rows = [
        [name, system, ", ".join(sorted(found.sources(system)))]
        for name, found in (("search", results), ("clock", timings.all))
        for system in found.whole_systems
    ]
    return section("## Sources that the results are of", table(["benchmark", "system", "hash"], rows))


if __name__ == "__main__":
    print(write_report(Path(sys.argv[1]), sys.argv[2]), end="")
