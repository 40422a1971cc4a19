"""One iteration: a population of proposals is drafted, guarded, compared, validated and decided."""

from collections.abc import Iterator, Sequence

from gepa_next.errors import ProviderError
from gepa_next.gepa.acceptance import compare, verdict_on
from gepa_next.gepa.checkpoint import checkpoint
from gepa_next.gepa.guards import refusal
from gepa_next.gepa.operators import draft, plan_proposals
from gepa_next.gepa.outages import REFLECTIONS_IN_VAIN, is_in_vain, reflections_so_far, reflector_outage
from gepa_next.gepa.pause import paced, pause
from gepa_next.gepa.proposal import Proposal
from gepa_next.gepa.proposers.draft import Plan
from gepa_next.gepa.racing import block_ends, course, drop_those_behind
from gepa_next.gepa.rollouts import Pair, make_rollouts, missing, told_rollouts
from gepa_next.gepa.run import Run, how_many_fit, not_run_by_leader
from gepa_next.gepa.state import State, fingerprint
from gepa_next.gepa.steps import Step
from gepa_next.gepa.telling import told_decision, told_draft
from gepa_next.gepa.types import Decision

DRAWN_AT_A_STRETCH = 4000  # examples, some milliseconds


def iterate(run: Run) -> Iterator[Step]:
    """Yield the steps of the next iteration; its last is the checkpoint."""
    yield from _heir_tried(run)
    yield from _caught_up(run)
    plans = [] if run.state.reached_target else plan_proposals(run.state, run.state.task.population)
    plans = plans[: how_many_fit(run, _most_rollouts(run, plans), reflections=1)]
    yield from _rollouts_of_parents(run, plans)
    if run.control(f"{run.state.iteration + 1}/draft") is not None:
        plans = []
    proposals, outage = _drafted(run, plans)
    yield from _generated(run.state, proposals)
    if outage is not None:
        raise outage
    yield from _raced(run, proposals)
    pause()
    yield from _decided(run.state, proposals)
    pause()
    yield checkpoint(run.state)


def _most_rollouts(run: Run, plans: Sequence[Plan]) -> list[int]:
    """Return what each plan takes at most: cases of its parent and the first block, for one of them the whole race."""
    count = len(run.state.deciding)
    return [
        len(missing(run, plan.parent, plan.minibatch)) + (block_ends(count)[0] if place else count)
        for place, plan in enumerate(plans)
    ]


def _heir_tried(run: Run) -> Iterator[Step]:
    """Run the best of the candidates that the run began with, if it has no scores by this target and judge.

    Only if the budget has room: the judge's noise may have been measured since the iteration was begun.
    """
    state = run.state
    if state.task.heir is None or state.iteration or state.task.heir in state.frontier:
        return
    pairs = missing(run, state.candidates[state.task.heir], state.deciding)
    made = make_rollouts(run, pairs if how_many_fit(run, [len(pairs)]) else [])
    yield from told_rollouts(state, made, purpose="heir")


def _caught_up(run: Run) -> Iterator[Step]:
    """Run the leader on the examples that decide from now on, if the budget has room.

    Without those that failed: where no other call is made, one that is refused every time would look like an outage.
    """
    pairs = missing(run, run.state.leader, not_run_by_leader(run.state))
    made = make_rollouts(run, pairs if how_many_fit(run, [len(pairs)]) else [])
    yield from told_rollouts(run.state, made, purpose="validation")


def _rollouts_of_parents(run: Run, plans: Sequence[Plan]) -> Iterator[Step]:
    """Run parents on what they have not been run on: reflection needs it, once."""
    wanted = {
        (pair.candidate.id, pair.example.id): pair
        for plan in plans
        for pair in missing(run, plan.parent, plan.minibatch)
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
        yield from told_draft(state, proposal)


def _going_on(run: Run, proposals: Sequence[Proposal], point: str) -> list[Proposal]:
    """Return the undecided proposals; none if the run is to end now, which is then why they are rejected."""
    undecided = [each for each in proposals if each.undecided]
    reason = run.control(f"{run.state.iteration + 1}/{point}") if undecided else None
    if reason is None:
        return undecided
    for each in undecided:
        each.reason = reason
    return []


def _raced(run: Run, proposals: Sequence[Proposal]) -> Iterator[Step]:
    """Run the proposals beside their parents, block by block, until one is left and decided."""
    ends = block_ends(len(run.state.deciding))
    for each in paced(proposals, every=1 + DRAWN_AT_A_STRETCH // ends[-1]):
        each.course = course(run.state, place=each.plan.candidate_id) if each.undecided else ()
    for part, end in enumerate(ends, 1):
        pause()
        racers = _affordable(run, _going_on(run, proposals, f"race/{part}"), end)
        pairs = {(pair.candidate.id, pair.example.id): pair for each in racers for pair in _untried(run, each, end)}
        yield from told_rollouts(run.state, make_rollouts(run, list(pairs.values())), purpose="validation", part=part)
        for each in racers:
            each.comparison = compare(run.state, each.plan.candidate_id, each.plan.parent.id, each.course[:end])
        if part == 1 or end < ends[-1]:  # after the first block, though it be the last, one is left at most
            drop_those_behind(racers)
        if end == ends[-1]:
            _judge(racers)


def _judge(racers: Sequence[Proposal]) -> None:
    for each in racers:
        if each.undecided:
            each.reason = verdict_on(each.comparison, text=each.draft.text, parent=each.plan.parent)


def _affordable(run: Run, proposals: Sequence[Proposal], end: int) -> list[Proposal]:
    """Return the first proposals, as many as the budget has room for; it is why the others are rejected.

    There has to be room for one of them to go on to the end.
    """
    fit = how_many_fit(run, [len(_untried(run, each, end if place else None)) for place, each in enumerate(proposals)])
    for each in proposals[fit:]:
        each.reason = "budget"
    return list(proposals[:fit])


def _untried(run: Run, proposal: Proposal, end: int | None) -> list[Pair]:
    """Return what is to be run for the first so many examples of a proposal's course."""
    child, on = proposal.candidate(run.state, Decision.ACCEPTED), proposal.course[:end]
    return missing(run, proposal.plan.parent, on) + missing(run, child, on)


def _decided(state: State, proposals: Sequence[Proposal]) -> Iterator[Step]:
    for proposal in proposals:
        if proposal.plan.candidate_id not in state.candidates:  # not refused before it was compared
            yield from told_decision(state, proposal)
