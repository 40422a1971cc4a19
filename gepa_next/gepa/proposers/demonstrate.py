"""The operator that shows examples: train inputs with their ideal answers, added to the prompt."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from gepa_next.gepa.pause import paced
from gepa_next.gepa.proposers.draft import Draft, Plan, extended
from gepa_next.gepa.sampling import most_telling, stream
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Candidate, Example

AT_ONCE = 3
SEARCHED_AT_A_STRETCH = 1_000_000  # characters, some milliseconds
LEAST_SEARCHED = 500  # characters in whose time an example is looked at, however short the prompt


def demonstrate(plan: Plan) -> Draft:
    """Return the parent's text with the plan's demonstrations after it; no model is asked."""
    shown = "\n\n".join(f"Input: {each.input}\nOutput: {each.ideal}" for each in plan.demonstrations)
    return Draft(text=extended(plan.parent.text, shown))


def can_demonstrate(state: State, parent: Candidate) -> bool:
    """Say whether there are enough train examples to show, so that enough are left to compare on."""
    return len(list(islice(_fresh(state, parent), AT_ONCE + 1))) > AT_ONCE


def choose_demonstrations(state: State, parent: Candidate, place: int) -> tuple[Example, ...]:
    """Choose train examples that the prompt does not show yet: first those with answers it does not show either."""
    fresh = list(_fresh(state, parent))
    order = most_telling(state, parent, fresh, AT_ONCE - 1)
    order += stream(state, "demonstrations", place).sample(fresh, len(fresh))
    return tuple(islice(_different_answers(order, parent.text), AT_ONCE))


def _fresh(state: State, parent: Candidate) -> Iterator[Example]:
    """Yield the train examples that can be shown: none that the prompt shows already, and none that validates.

    Train and validation may be the same.
    """
    hidden = {each.input for each in state.task.validation}
    for each in _searching(state.task.train, parent.text):
        if each.ideal is not None and each.input not in hidden and each.input not in parent.text:
            yield each


def _different_answers(examples: Sequence[Example], text: str) -> Iterator[Example]:
    """Yield each example once, those whose answer appears nowhere before first."""
    seen: set[str] = set()
    repeated: list[Example] = []
    for each in _searching({each.id: each for each in examples}.values(), text):
        answer = each.ideal or ""
        if answer in seen or answer in text:
            repeated.append(each)
        else:
            yield each
        seen.add(answer)
    yield from repeated


def _searching(examples: Iterable[Example], text: str) -> Iterator[Example]:
    """Yield the examples, with pauses as what is searched for each of them is long."""
    return paced(examples, every=SEARCHED_AT_A_STRETCH, size=lambda _: LEAST_SEARCHED + len(text))
