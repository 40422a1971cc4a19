"""The operator that shows examples: train inputs with their ideal answers, added to the prompt."""

from collections.abc import Sequence

from gepa_next.gepa.proposers.draft import Draft, Plan, extended
from gepa_next.gepa.sampling import most_telling, stream
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Candidate, Example

AT_ONCE = 3


def demonstrate(plan: Plan) -> Draft:
    """Return the parent's text with the plan's demonstrations after it; no model is asked."""
    shown = "\n\n".join(f"Input: {each.input}\nOutput: {each.ideal}" for each in plan.demonstrations)
    return Draft(text=extended(plan.parent.text, shown))


def choose_demonstrations(state: State, parent: Candidate, place: int) -> tuple[Example, ...]:
    """Choose train examples that the prompt does not show yet: first those with answers it does not show either.

    None that validates, for where train and validation are the same. Empty when there are none to
    show, or when too few would be left to compare on.
    """
    rng = stream(state, "demonstrations", place)
    hidden = {each.input for each in state.task.validation}
    fresh = [
        each
        for each in state.task.train
        if each.ideal is not None and each.input not in hidden and each.input not in parent.text
    ]
    if len(fresh) < AT_ONCE + 1:
        return ()
    order = most_telling(state, parent, fresh, AT_ONCE - 1)
    order += rng.sample(fresh, len(fresh))
    return tuple(_different_answers(order, parent.text)[:AT_ONCE])


def _different_answers(examples: Sequence[Example], text: str) -> list[Example]:
    """Return each example once, those whose answer appears nowhere before first."""
    seen: set[str] = set()
    new: list[Example] = []
    repeated: list[Example] = []
    for each in {each.id: each for each in examples}.values():
        answer = each.ideal or ""
        (repeated if answer in seen or answer in text else new).append(each)
        seen.add(answer)
    return new + repeated
