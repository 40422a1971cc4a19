"""The menu of operators: which can be used on a parent, and which are worth trying."""

from dataclasses import replace

from gepa_next.gepa.components import SEVERAL, in_turn, joined, narrowed, narrowed_task
from gepa_next.gepa.guards import tokens_left
from gepa_next.gepa.pause import paced
from gepa_next.gepa.proposers.demonstrate import can_demonstrate, choose_demonstrations, demonstrate
from gepa_next.gepa.proposers.draft import WORDLESS, Draft, Merge, Plan
from gepa_next.gepa.proposers.merge import choose_merge
from gepa_next.gepa.proposers.reflect import reflect
from gepa_next.gepa.run import Run
from gepa_next.gepa.sampling import choose_minibatch, choose_parents, stream
from gepa_next.gepa.state import State
from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Candidate, Task

# How often each is tried before this job's own experience counts.
MENU = {"reflect": 6.0, "constrain": 1.5, "demonstrate": 1.0, "merge": 0.5, "compress": 0.5}
LONG_ENOUGH_TO_SHORTEN = 150
SMALLEST_ADDITION_TOKENS = 20


def plan_proposals(state: State, count: int) -> list[Plan]:
    """Plan one iteration's proposals: parents from the frontier, operators by what has paid so far."""
    worth = operator_worth(state)
    first_id = state.last_id + 1
    parents = choose_parents(state, count)
    merges = {each.id: choose_merge(state, each) for each in parents}
    return [
        _plan(state, parent, merges[parent.id], place, candidate_id=first_id + place, worth=worth)
        for place, parent in paced(enumerate(parents), every=1)
    ]


def operator_worth(state: State) -> dict[str, float]:
    """Return each operator's weight: its place in the menu times its smoothed rate of acceptance."""
    return {name: weight * (1 + state.paid[name]) / (2 + state.used[name]) for name, weight in MENU.items()}


def _plan(
    state: State, parent: Candidate, merge: Merge | None, place: int, *, candidate_id: int, worth: dict[str, float]
) -> Plan:
    component = in_turn(list(parent.prompts), candidate_id)
    possible = _possible(narrowed_task(state.task, parent, component), narrowed(parent, component))
    possible |= {"merge"} if merge else set()
    # The input and ideal of an example are the whole program's: they demonstrate nothing to one component of several.
    possible -= set() if len(parent.prompts) < SEVERAL and can_demonstrate(state, parent) else {"demonstrate"}
    weights = {name: weight for name, weight in worth.items() if name in possible}
    operator = stream(state, "operator", place).choices(list(weights), weights=list(weights.values()))[0]
    return Plan(
        candidate_id=candidate_id,
        operator=operator,
        parent=parent,
        minibatch=choose_minibatch(state, parent, place) if operator not in WORDLESS else (),
        merge=merge if operator == "merge" else None,
        demonstrations=choose_demonstrations(state, parent, place) if operator == "demonstrate" else (),
        component=component if operator != "merge" else "",
    )


def _possible(task: Task, parent: Candidate) -> set[str]:
    """Return the operators that the parent's text allows."""
    names = {"reflect"}
    names |= {"constrain", "demonstrate"} if tokens_left(task, parent.text) >= SMALLEST_ADDITION_TOKENS else set()
    return names | ({"compress"} if count_tokens(parent.text) >= LONG_ENOUGH_TO_SHORTEN else set())


def draft(run: Run, plan: Plan) -> Draft:
    """Carry out a plan; only operators that need new words ask the reflector."""
    if plan.merge is not None:
        return Draft(text=joined(plan.merge.prompts), prompts=plan.merge.prompts)
    if plan.operator != "demonstrate" and not run.state.scores(plan.parent.id, plan.minibatch):
        return Draft(refusal="not_comparable")
    narrow = replace(plan, parent=narrowed(plan.parent, plan.component))
    made = demonstrate(narrow) if plan.operator == "demonstrate" else reflect(run, narrow)
    if not plan.component or made.refusal is not None:
        return made
    prompts = {**plan.parent.prompts, plan.component: made.text}
    return replace(made, text=joined(prompts), prompts=prompts)
