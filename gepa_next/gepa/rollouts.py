"""Rollouts: a candidate really run on an example and its output really scored."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.judging import judge_call, judged
from gepa_next.gepa.outages import find_outage, is_hopeless
from gepa_next.gepa.pause import paced
from gepa_next.gepa.program import TargetAnswer, read_answer, target_call
from gepa_next.gepa.run import Run
from gepa_next.gepa.spending import NOTHING_SPENT, Spending, add_spending, spent_by, spent_on
from gepa_next.gepa.state import SAME_TEXT, SHARED, State
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import Candidate, Example, Role, Rollout, Split, Verdict
from gepa_next.gepa.verdicts import Share, together


@dataclass(frozen=True, slots=True)
class Pair:
    """A rollout to make."""

    candidate: Candidate
    example: Example
    split: Split


@dataclass(frozen=True, slots=True)
class Made:
    """Rollouts that were made, in the order asked for, and what they consumed.

    An `outage` is to be raised once they are told of; with it they may be fewer than were asked for.
    """

    rollouts: tuple[Rollout, ...]
    spending: Spending
    outage: ProviderError | None = None


NOTHING_MADE = Made((), NOTHING_SPENT)
OF_PLACE = {SAME_TEXT, SHARED}  # flags that say where a rollout is from
READ_AT_A_STRETCH = 250  # rollouts, some milliseconds


def missing(run: Run, candidate: Candidate, examples: Iterable[Example]) -> list[Pair]:
    """Return the pairs that have no score yet and may get one: what is paid for is not paid again."""
    validating = run.state.validation_ids
    return [
        Pair(candidate, each, Split.VALIDATION if each.id in validating else Split.TRAIN)
        for each in examples
        if run.state.may_be_scored(candidate.id, each.id)
    ]


def taken_over(state: State, candidate: Candidate) -> tuple[Rollout, ...]:
    """Return what came of earlier candidates with the same text on validation, as its own: that is paid for."""
    same = [
        each for each in state.by_text.get(candidate.text, ()) if state.candidates[each].prompts == candidate.prompts
    ]
    pairs = ((each, example.id) for example in state.task.validation for each in same)
    known = {made.example_id: made for pair in pairs if (made := state.rollouts.get(pair))}
    return tuple(
        replace(
            made, candidate_id=candidate.id, flags=(*(each for each in made.flags if each not in OF_PLACE), SAME_TEXT)
        )
        for made in known.values()
    )


def make_rollouts(run: Run, pairs: Sequence[Pair], *, after: Made = NOTHING_MADE) -> Made:
    """Run all pairs at once; a provider that refuses the job raises ProviderError, other failures are rollouts.

    What they come `after` is returned with them, as one batch.
    """
    rollouts, spending = list(after.rollouts), after.spending
    for rollout, spent in paced(run.fan_out(lambda pair: _rollout(run, pair), pairs), every=READ_AT_A_STRETCH):
        rollouts.append(rollout)
        spending = add_spending(spending, spent)
        if is_hopeless(rollouts) and find_outage(run.state, rollouts):
            break
    return Made(tuple(rollouts), spending, find_outage(run.state, rollouts))


def _rollout(run: Run, pair: Pair) -> tuple[Rollout, Spending]:
    blank = Rollout(candidate_id=pair.candidate.id, example_id=pair.example.id, split=pair.split)
    call = target_call(run.state.task, pair.candidate, pair.example, key=_key(run, Role.TARGET, pair))
    try:
        answer = run.model(call)
        said = read_answer(answer, scores=run.program_weight > 0)
    except ProviderError:
        raise
    except ModelError as error:
        return replace(blank, error=error.code, feedback=error.message), spent_by(Role.TARGET, error)
    answered = replace(blank, output=said.output, flags=answer.flags)
    return _scored(run, pair, answered, said, spent_on(Role.TARGET, answer.usage))


def _scored(run: Run, pair: Pair, rollout: Rollout, said: TargetAnswer, spent: Spending) -> tuple[Rollout, Spending]:
    try:
        verdict, more = _verdict(run, pair, said)
    except ProviderError:
        raise
    except ModelError as error:
        failed = replace(rollout, error=f"judge_{error.code}", feedback=error.message)
        return failed, add_spending(spent, spent_by(Role.JUDGE, error))
    return replace(rollout, score=verdict.score, feedback=verdict.feedback), add_spending(spent, more)


def _verdict(run: Run, pair: Pair, said: TargetAnswer) -> tuple[Verdict, Spending]:
    shares, spent = [], NOTHING_SPENT
    if run.metric is not None:  # before the judge, for it may have no score, and costs nothing
        rest = 1 - run.judge_weight - run.program_weight
        shares.append(Share(rest, run.metric(pair.example, said.output)))
    if run.program_weight:
        shares.append(Share(run.program_weight, Verdict(score=said.score, feedback=""), "program"))
    if run.asks_judge:
        call = judge_call(pair.example, said.output, run.state.task.rubric, key=_key(run, Role.JUDGE, pair))
        verdict, spent = judged(run.model, call)
        shares.append(Share(run.judge_weight, verdict, "judge"))
    return said.remarked(together(shares)), spent


def _key(run: Run, role: Role, pair: Pair) -> str:
    """Return the call's place: one for a candidate and an example, another if the rollout failed before."""
    place = f"{role}/{pair.candidate.id}/{pair.example.id}"
    failed_before = (pair.candidate.id, pair.example.id) in run.state.rollouts
    return f"{place}/{run.state.iteration + 1}" if failed_before else place


def _by_candidate(rollouts: Sequence[Rollout]) -> dict[int, list[Rollout]]:
    found: dict[int, list[Rollout]] = {}
    for each in rollouts:
        found.setdefault(each.candidate_id, []).append(each)
    return found


def told_rollouts(state: State, made: Made, *, purpose: str, part: int = 0) -> Iterator[Step]:
    """Tell of each candidate's rollouts, then raise if there is an outage; the first step carries what all consumed.

    `part` counts the batches of one purpose in an iteration.
    """
    spending = made.spending
    for candidate_id, mine in _by_candidate(made.rollouts).items():
        scores = [rollout.score for rollout in mine if rollout.score is not None]
        key = f"{state.iteration + 1}/evaluate/{candidate_id}/{purpose}/{part}"
        data: dict[str, object] = {"iteration": state.iteration + 1, "candidate_id": candidate_id, "purpose": purpose}
        data |= {"rollouts": len(mine), "errors": len(mine) - len(scores)}
        data |= {"score": sum(scores) / len(scores) if scores else None}
        yield Step(key=key, stage="evaluate", data=data, delta=Delta(rollouts=tuple(mine), spending=spending))
        spending = NOTHING_SPENT
        if unscored := [each for each in mine if (each.error or "").startswith("judge_")]:
            data = {"iteration": state.iteration + 1, "candidate_id": candidate_id, "unscored": len(unscored)}
            yield Step(key=f"{key}/judge", stage="judge", data={**data, "reason": unscored[0].error})
    if made.outage is not None:
        raise made.outage
