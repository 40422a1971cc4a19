"""What every operator starts from and returns."""

from dataclasses import dataclass

from gepa_next.gepa.steps import NOTHING_SPENT
from gepa_next.gepa.types import CallUsage, Candidate, Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A proposal to be made: of which parent, by which operator, compared on which minibatch."""

    candidate_id: int
    operator: str
    parent: Candidate
    minibatch: tuple[Example, ...]
    other: Candidate | None = None
    demonstrations: tuple[Example, ...] = ()

    @property
    def parents(self) -> tuple[int, ...]:
        """The ids of the candidates it comes from, the one it is compared with first."""
        return (self.parent.id,) if self.other is None else (self.parent.id, self.other.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A proposal's text, or in `refusal` why there is none."""

    text: str = ""
    lesson: str = ""
    refusal: str | None = None
    usage: CallUsage = NOTHING_SPENT
