"""The operator that merges two frontier members of a single prompt, by lines against their common ancestor."""

from gepa_next.gepa.state import State
from gepa_next.gepa.types import Candidate

LEAST_KEPT = 0.6


def choose_other(state: State, parent: Candidate) -> Candidate | None:
    """Return the frontier member that is better than the parent on most examples, of no kin in line; else None."""
    mine = state.scores(parent.id, state.task.validation)
    line = set(state.ancestors(parent.id))
    best, most = None, 0
    for other in state.frontier.members():
        if other in line or parent.id in state.ancestors(other):
            continue
        theirs = state.scores(other, state.task.validation)
        better = sum(1 for key, score in theirs.items() if key in mine and score > mine[key])
        if better > most:
            best, most = state.candidates[other], better
    return best


def merged_by_lines(state: State, one: Candidate, other: Candidate) -> str | None:
    """Return both candidates' changes of their nearest common ancestor, None if they rewrote too much of it."""
    line = state.ancestors(other.id)
    common = next((each for each in state.ancestors(one.id) if each in line), None)
    if common is None:
        return None
    base = state.candidates[common].text.splitlines()
    mine, theirs = one.text.splitlines(), other.text.splitlines()
    if min(_kept(base, mine), _kept(base, theirs)) < LEAST_KEPT:
        return None
    dropped = set(base) - set(theirs)
    text = [row for row in mine if row not in dropped]
    added = [row for row in theirs if not row.strip() or row not in {*base, *text}]
    merged = "\n".join([*text, "", *_trimmed(added)]).strip()
    return None if merged in {one.text.strip(), other.text.strip()} else merged


def _kept(base: list[str], rows: list[str]) -> float:
    said = [row for row in base if row.strip()]
    return sum(row in rows for row in said) / max(1, len(said))


def _trimmed(rows: list[str]) -> list[str]:
    """Return the rows with runs of empty ones made single."""
    return [row for place, row in enumerate(rows) if row.strip() or (place and rows[place - 1].strip())]
