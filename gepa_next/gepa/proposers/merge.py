"""The operator that merges two frontier members, component by component."""

from collections.abc import Mapping

from gepa_next.gepa.acceptance import MARGIN, compare
from gepa_next.gepa.components import SEVERAL, joined
from gepa_next.gepa.pause import paced
from gepa_next.gepa.proposers.draft import Merge
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Candidate

COUNTED_AT_A_STRETCH = 50_000  # scores, some milliseconds


def choose_merge(state: State, parent: Candidate) -> Merge | None:
    """Return the merge with the frontier member that is better on most examples, of no kin in line; else None.

    None too where there is one component only, and where the two together make nothing that is new.
    """
    if len(parent.prompts) < SEVERAL:
        return None
    mine = state.frontier.scores(parent.id)
    best, most = None, 0
    for other in paced(state.frontier.members(), every=1 + COUNTED_AT_A_STRETCH // (1 + len(mine))):
        if state.comes_from(parent.id, other) or state.comes_from(other, parent.id):
            continue
        theirs = state.frontier.scores(other)
        better = sum(1 for key, score in theirs.items() if key in mine and score > mine[key])
        if better > most:
            best, most = state.candidates[other], better
    merged = None if best is None else merged_by_component(state, parent, best)
    return None if best is None or merged is None else Merge(best, merged)


def merged_by_component(state: State, one: Candidate, other: Candidate) -> Mapping[str, str] | None:
    """Return each component from the candidate in which it evolved, None if that makes nothing that is new.

    After arXiv:2507.19457. A component that both have changed is taken from the better of them.
    """
    common = _common_ancestor(state, one, other)
    if common is None:
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
