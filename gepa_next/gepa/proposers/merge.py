"""The operator that merges two frontier members: component by component, or one text by lines."""

from collections.abc import Mapping
from itertools import groupby

from gepa_next.gepa.acceptance import MARGIN, compare
from gepa_next.gepa.components import joined, narrowed
from gepa_next.gepa.pause import paced
from gepa_next.gepa.proposers.draft import extended
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Candidate

LEAST_KEPT = 0.6
COUNTED_AT_A_STRETCH = 50_000  # scores, some milliseconds


def choose_other(state: State, parent: Candidate) -> Candidate | None:
    """Return the frontier member that is better than the parent on most examples, of no kin in line; else None."""
    mine = state.frontier.scores(parent.id)
    best, most = None, 0
    for other in paced(state.frontier.members(), every=1 + COUNTED_AT_A_STRETCH // (1 + len(mine))):
        if state.comes_from(parent.id, other) or state.comes_from(other, parent.id):
            continue
        theirs = state.frontier.scores(other)
        better = sum(1 for key, score in theirs.items() if key in mine and score > mine[key])
        if better > most:
            best, most = state.candidates[other], better
    return best


def merged_by_component(state: State, one: Candidate, other: Candidate) -> Mapping[str, str] | None:
    """Return each component from the candidate in which it evolved, None if that makes nothing that is new.

    After arXiv:2507.19457. A component that both have changed is taken from the better of them.
    """
    common = _common_ancestor(state, one, other)
    if common is None or not one.prompts:
        return None
    found = compare(state, other.id, one.id, state.task.validation)
    better = other if found is not None and found.difference > MARGIN else one
    merged = {
        name: _evolved(base, one.prompts[name], other.prompts[name], both=better.prompts[name])
        for name, base in common.prompts.items()
    }
    return None if state.was_tried(joined(merged)) else merged


def _evolved(base: str, mine: str, theirs: str, *, both: str) -> str:
    """Return the text that is not the base any more, `both` where neither is."""
    if mine == base:
        return theirs
    return mine if theirs == base else both


def _common_ancestor(state: State, one: Candidate, other: Candidate) -> Candidate | None:
    found = next((each for each in state.ancestors(one.id) if state.comes_from(other.id, each)), None)
    return None if found is None else state.candidates[found]


def merged_by_lines(state: State, one: Candidate, other: Candidate, component: str = "") -> str | None:
    """Return both candidates' changes of their nearest common ancestor, None if they rewrote too much of it.

    Two that took out the same line are at odds about it, which only a reader can settle: None too. Where both are
    narrowed to a component, so is the ancestor.
    """
    common = _common_ancestor(state, one, other)
    if common is None:
        return None
    base, mine, theirs = (each.text.splitlines() for each in (narrowed(common, component), one, other))
    gone, dropped = _missing(base, mine), _missing(base, theirs)
    if gone & dropped or max(len(gone), len(dropped)) > (1 - LEAST_KEPT) * len(_said(base)):
        return None
    kept = [row for row in mine if row not in dropped]
    added = "\n\n".join("\n".join(rows) for rows in _additions(base, theirs, kept))
    merged = extended("\n".join(kept), added) if added else "\n".join(kept).strip()
    return None if merged in {one.text.strip(), other.text.strip()} else merged


def _additions(base: list[str], theirs: list[str], kept: list[str]) -> list[list[str]]:
    """Return the paragraphs that are new as they stand, and the new lines of those that were there before.

    A new paragraph stays whole: a demonstration must not lose an answer that another one has too.
    """
    old, known, standing = _said(base), _said(base) | _said(kept), _paragraphs(kept)
    new = [
        rows if not old & set(rows) else [row for row in rows if row not in known]
        for rows in _paragraphs(theirs)
        if rows not in standing
    ]
    return [rows for rows in new if rows]


def _paragraphs(rows: list[str]) -> list[list[str]]:
    return [list(group) for said, group in groupby(rows, key=lambda row: bool(row.strip())) if said]


def _missing(base: list[str], rows: list[str]) -> set[str]:
    return _said(base) - set(rows)


def _said(rows: list[str]) -> set[str]:
    return {row for row in rows if row.strip()}
