"""What the steps of an iteration tell of its proposals."""

from collections.abc import Iterator

from gepa_next.gepa.lessons import new_lesson
from gepa_next.gepa.proposal import Proposal
from gepa_next.gepa.rollouts import taken_over
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Candidate, Decision


def told_draft(state: State, proposal: Proposal) -> Iterator[Step]:
    """Tell how a proposal was drafted, what is known of its text already, and why it was refused if it was."""
    if proposal.plan.merge is not None:
        yield _told(state, proposal, "merge")
    known = taken_over(state, proposal.candidate(state, Decision.ACCEPTED)) if proposal.undecided else ()
    told = {"rollouts_known": len(known)} if known else {}
    yield _told(state, proposal, "generate", Delta(spending=proposal.draft.spending, rollouts=known), **told)
    if not proposal.undecided:
        refused = proposal.candidate(state, Decision.REFUSED)
        quoted = {"example_id": state.hidden.leak_into(proposal.draft.text)} if proposal.reason == "leak" else {}
        yield _told(state, proposal, "guard", Delta(candidates=(refused,)), reason=proposal.reason, **quoted)


def told_decision(state: State, proposal: Proposal) -> Iterator[Step]:
    """Tell what was decided about a proposal, and what it taught."""
    decision = Decision.ACCEPTED if proposal.undecided else Decision.REJECTED
    candidate = proposal.candidate(state, decision)
    yield _told(state, proposal, "select", Delta(candidates=(candidate,)), **_selection(state, proposal, candidate))
    yield from _learned(state, proposal)


def _selection(state: State, proposal: Proposal, candidate: Candidate) -> dict[str, object]:
    validation = list(state.scores(candidate.id, state.deciding).values())
    return {
        "decision": str(candidate.decision),
        "reason": candidate.reason,
        "score": candidate.score,
        "parent_score": candidate.parent_score,
        "difference": proposal.comparison.difference if proposal.comparison else None,
        "compared": candidate.compared,
        "validation_score": sum(validation) / len(validation) if validation and proposal.undecided else None,
    }


def _learned(state: State, proposal: Proposal) -> Iterator[Step]:
    gain = proposal.comparison.difference if proposal.comparison else None
    lesson = new_lesson(
        state.lessons,
        proposal.draft.lesson,
        candidate_id=proposal.plan.candidate_id,
        iteration=state.iteration + 1,
        gain=gain,
    )
    if lesson is not None:
        told = {"lesson_id": lesson.id, "text": lesson.text, "gain": gain}
        yield _told(state, proposal, "lesson", Delta(lessons=(lesson,)), **told)


def _told(state: State, proposal: Proposal, stage: str, delta: Delta | None = None, **more: object) -> Step:
    """Return the step that says what happened to a proposal."""
    plan = proposal.plan
    data: dict[str, object] = {
        "iteration": state.iteration + 1,
        "candidate_id": plan.candidate_id,
        "parent_ids": list(plan.parents),
        "operator": plan.operator,
        **more,
    }
    if stage == "generate":
        data["prompt_tokens"] = count_tokens(proposal.draft.text)
        data |= {"component": plan.component} if plan.component else {}
    key = f"{state.iteration + 1}/{stage}/{plan.candidate_id}"
    return Step(key=key, stage=stage, data=data, delta=delta or Delta())
