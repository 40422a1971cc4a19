"""A proposal: a plan on its way to a decision."""

from dataclasses import dataclass

from gepa_next.gepa.acceptance import Comparison
from gepa_next.gepa.proposers.draft import Draft, Plan
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Candidate, Decision, Example


@dataclass(slots=True)
class Proposal:
    """A plan with its draft, and with what is found out about that; once something speaks against it, a `reason`."""

    plan: Plan
    draft: Draft
    reason: str | None = None
    comparison: Comparison | None = None
    course: tuple[Example, ...] = ()

    @property
    def undecided(self) -> bool:
        """Whether nothing speaks against it so far."""
        return self.reason is None

    def candidate(self, state: State, decision: Decision) -> Candidate:
        """Return the candidate it becomes with its decision."""
        found = self.comparison
        return Candidate(
            id=self.plan.candidate_id,
            text=self.draft.text,
            prompts=self.draft.prompts,
            parents=self.plan.parents,
            operator=self.plan.operator,
            iteration=state.iteration + 1,
            decision=decision,
            reason=self.reason or ("better" if found and found.is_better else "shorter"),
            score=found.score if found else None,
            parent_score=found.parent_score if found else None,
            compared=found.compared if found else 0,
        )
