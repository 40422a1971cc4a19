"""What every operator starts from and returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gepa_next.gepa.messages import INPUT_PLACEHOLDER
from gepa_next.gepa.spending import Spending
from gepa_next.gepa.types import Candidate, Example

WORDLESS = frozenset({"demonstrate", "merge"})  # put together what there is: no reflector, no cases


@dataclass(frozen=True, slots=True)
class Merge:
    """What is merged into a parent: the other candidate, and the components that the two make."""

    other: Candidate
    prompts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A proposal to be made: of which parent, by which operator, from which cases.

    Of a candidate for a program it changes one `component`.
    """

    candidate_id: int
    operator: str
    parent: Candidate
    minibatch: tuple[Example, ...]
    merge: Merge | None = None
    demonstrations: tuple[Example, ...] = ()
    component: str = ""

    @property
    def parents(self) -> tuple[int, ...]:
        """The ids of the candidates it comes from, the one it is compared with first."""
        return (self.parent.id,) if self.merge is None else (self.parent.id, self.merge.other.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A proposal's text, with the components it is made of if there are any.

    Or in `refusal` why there is none, and in `detail` the same for people.
    """

    text: str = ""
    prompts: Mapping[str, str] = field(default_factory=dict)
    lesson: str = ""
    refusal: str | None = None
    detail: str = ""
    spending: Spending = field(default_factory=dict)


def extended(text: str, addition: str) -> str:
    """Return the text with an addition after it, or before the paragraph that has the place for the input."""
    head, place, tail = text.strip().partition(INPUT_PLACEHOLDER)
    if not place:
        return f"{head}\n\n{addition}"
    before, _, start = head.rpartition("\n\n")
    return "\n\n".join(part for part in (before, addition, f"{start}{place}{tail}") if part)
