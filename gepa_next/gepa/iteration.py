"""One iteration: a population of proposals is drafted, guarded, compared, validated and decided."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gepa_next.errors import ProviderError
from gepa_next.gepa.acceptance import MARGIN, Comparison, compare, verdict_on
from gepa_next.gepa.guards import count_tokens, refusal
from gepa_next.gepa.lessons import new_lesson
from gepa_next.gepa.operators import draft, plan_proposals
from gepa_next.gepa.outages import REFLECTIONS_IN_VAIN, is_in_vain, reflections_so_far, reflector_outage
from gepa_next.gepa.proposers.draft import Draft, Plan
from gepa_next.gepa.rollouts import Pair, make_rollouts, missing, split_of_train, told_rollouts
from gepa_next.gepa.run import Run, how_many_fit
from gepa_next.gepa.spending import by_role
from gepa_next.gepa.state import State, fingerprint
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import Candidate, Decision, Split


@dataclass(slots=True)
class Proposal:
    """A plan on its way to a decision."""

    plan: Plan
    draft: Draft
    reason: str | None = None
    comparison: Comparison | None = None

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
            reason=self.reason or ("better" if found and found.difference > MARGIN else "shorter"),
            score=found.score if found else None,
            parent_score=found.parent_score if found else None,
            compared=found.compared if found else 0,
        )


def iterate(run: Run) -> Iterator[Step]:
    """Yield the steps of the next iteration; its last is the checkpoint."""
    plans = plan_proposals(run.state, run.state.task.population)
    plans = plans[: how_many_fit(run, [_most_rollouts(run.state, plan) for plan in plans], reflections=1)]
    yield from _rollouts_of_parents(run, plans)
    if run.control(f"{run.state.iteration + 1}/draft") is not None:
        plans = []
    proposals, outage = _drafted(run, plans)
    yield from _generated(run.state, proposals)
    if outage is not None:
        raise outage
    yield from _compared(run, _affordable(run, _going_on(run, proposals, "compare"), _rollouts_to_decide))
    yield from _validated(run, _affordable(run, _going_on(run, proposals, "validate"), _rollouts_to_validate))
    yield from _decided(run.state, proposals)
    yield _checkpoint(run.state)


def _most_rollouts(state: State, plan: Plan) -> int:
    return 2 * len(plan.minibatch) + len(state.task.validation)


def _rollouts_of_parents(run: Run, plans: Sequence[Plan]) -> Iterator[Step]:
    """Run parents on what they have not been run on: reflection and comparison need it, once."""
    wanted = {
        (pair.candidate.id, pair.example.id): pair
        for plan in plans
        for pair in missing(run, plan.parent, plan.minibatch, split_of_train(run.state.task))
    }
    made = make_rollouts(run, list(wanted.values()))
    yield from told_rollouts(run.state, made, purpose="parent")


def _drafted(run: Run, plans: Sequence[Plan]) -> tuple[list[Proposal], ProviderError | None]:
    """Carry out the plans, in their order and up to where the reflector turns out to be dead: then with that error.

    While it is not known to work, no more are begun at once than may fail.
    """
    proposals: list[Proposal] = []
    known = reflections_so_far(run.state)
    while rest := plans[len(proposals) :]:
        begun = rest[: known.at_once]
        for plan, made in zip(begun, run.fan_out(lambda plan: draft(run, plan), begun), strict=False):
            proposals.append(Proposal(plan, made))
            known = known.and_then(plan.operator, made.refusal)
            if is_in_vain(made.refusal) and known.in_vain >= REFLECTIONS_IN_VAIN:
                return proposals, reflector_outage(made.refusal or "", made.detail)
    return proposals, None


def _generated(state: State, proposals: Sequence[Proposal]) -> Iterator[Step]:
    siblings: set[bytes] = set()
    for proposal in proposals:
        proposal.reason = proposal.draft.refusal or refusal(
            state, proposal.draft.text, siblings=siblings, prompts=proposal.draft.prompts
        )
        siblings.add(fingerprint(proposal.draft.text))
        if proposal.plan.other is not None:
            yield _told(state, proposal, "merge")
        yield _told(state, proposal, "generate", Delta(spending=proposal.draft.spending))
        if not proposal.undecided:
            refused = proposal.candidate(state, Decision.REFUSED)
            yield _told(state, proposal, "guard", Delta(candidates=(refused,)), reason=proposal.reason)


def _going_on(run: Run, proposals: Sequence[Proposal], point: str) -> list[Proposal]:
    """Return the undecided proposals; none if the run is to end now, which is then why they are rejected."""
    undecided = [each for each in proposals if each.undecided]
    reason = run.control(f"{run.state.iteration + 1}/{point}") if undecided else None
    if reason is None:
        return undecided
    for each in undecided:
        each.reason = reason
    return []


def _affordable(run: Run, proposals: Sequence[Proposal], rollouts: Callable[[Run, Proposal], int]) -> list[Proposal]:
    """Return the first proposals, as many as the budget has room for; it is why the others are rejected."""
    fit = how_many_fit(run, [rollouts(run, each) for each in proposals])
    for each in proposals[fit:]:
        each.reason = "budget"
    return list(proposals[:fit])


def _rollouts_to_decide(run: Run, proposal: Proposal) -> int:
    return len(proposal.plan.minibatch) + len(run.state.task.validation)


def _rollouts_to_validate(run: Run, proposal: Proposal) -> int:
    return len(_to_validate(run, proposal))


def _compared(run: Run, proposals: Sequence[Proposal]) -> Iterator[Step]:
    candidates = {each.plan.candidate_id: each.candidate(run.state, Decision.REJECTED) for each in proposals}
    split = split_of_train(run.state.task)
    pairs = [
        Pair(candidates[each.plan.candidate_id], example, split)
        for each in proposals
        for example in each.plan.minibatch
    ]
    yield from told_rollouts(run.state, make_rollouts(run, pairs), purpose="minibatch")
    for each in proposals:
        found = compare(run.state, each.plan.candidate_id, each.plan.parent.id, each.plan.minibatch)
        each.comparison = found
        each.reason = verdict_on(found, text=each.draft.text, parent=each.plan.parent)


def _validated(run: Run, proposals: Sequence[Proposal]) -> Iterator[Step]:
    wanted = [pair for each in proposals for pair in _to_validate(run, each)]
    yield from told_rollouts(run.state, make_rollouts(run, wanted), purpose="validation")


def _to_validate(run: Run, proposal: Proposal) -> list[Pair]:
    candidate = proposal.candidate(run.state, Decision.ACCEPTED)
    return missing(run, candidate, run.state.task.validation, Split.VALIDATION)


def _decided(state: State, proposals: Sequence[Proposal]) -> Iterator[Step]:
    for proposal in proposals:
        if proposal.plan.candidate_id in state.candidates:  # refused before it was compared
            continue
        decision = Decision.ACCEPTED if proposal.undecided else Decision.REJECTED
        candidate = proposal.candidate(state, decision)
        yield _told(state, proposal, "select", Delta(candidates=(candidate,)), **_selection(state, proposal, candidate))
        yield from _learned(state, proposal)


def _selection(state: State, proposal: Proposal, candidate: Candidate) -> dict[str, object]:
    validation = list(state.scores(candidate.id, state.task.validation).values())
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
        data |= {"component": plan.component} if plan.component and plan.other is None else {}
    key = f"{state.iteration + 1}/{stage}/{plan.candidate_id}"
    return Step(key=key, stage=stage, data=data, delta=delta or Delta())


def _checkpoint(state: State) -> Step:
    done = state.iteration + 1
    data = {
        "iteration": done,
        "iterations": state.task.iterations,
        "best_score": state.leader_score,
        "best_candidate_id": state.leader.id,
        "frontier": state.frontier.members(),
        "rollouts": state.rollouts_used,
        "max_rollouts": state.task.budget.max_rollouts,
        "lessons": len(state.lessons),
        "by_role": by_role(state.spending),
    }
    return Step(key=f"{done}/iteration", stage="iteration", data=data, delta=Delta(iteration=done, checkpoint=True))
