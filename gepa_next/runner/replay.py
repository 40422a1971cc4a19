"""Replays: a finished job made again from its ledger, without a model, and compared with what is stored."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gepa_next.errors import GepaNextError, ReplayError
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.run import Run
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Completion, ModelCall
from gepa_next.llm.repair import UnreadableReply
from gepa_next.metrics import scoring_of
from gepa_next.models import Job, JobStatus
from gepa_next.receipts.check import Check
from gepa_next.runner.findings import findings
from gepa_next.runner.ledger import request_hash
from gepa_next.runner.outcomes import replayed
from gepa_next.store.codec import to_json
from gepa_next.store.database import Database
from gepa_next.store.events import last_end
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts, list_lessons
from gepa_next.store.ledger import decisions_of, list_outcomes
from gepa_next.store.states import load_state

Result = Mapping[str, object]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Replay:
    """What agrees with what is stored, and after which iteration the replay began."""

    began_after: int
    checks: Sequence[Check]


def replay(database: Database, job: Job) -> Replay:
    """Make the run again from the ledger and compare it with what is stored; only reads.

    It begins where the job last began on request: its limits before that, and failures that were mended, are not known
    any more. ReplayError if the job is not finished.
    """
    if job.status is not JobStatus.FINISHED:
        raise ReplayError("not_finished", f"only a finished job can be replayed, and this one is {job.status}")
    state = load_state(database, job, before=last_end(database, job.id, before=job.last_event_id))
    began_after = state.iteration
    try:
        result = _result(database, job, _run(database, job, state))
    except UnreadableReply as error:
        checks = [Check(agrees=False, said=f"an answer in the ledger: it cannot be read any more: {error}")]
    except GepaNextError as error:
        checks = [Check(agrees=False, said=f"the run: it ends with {error.code}: {error.message}")]
    else:
        checks = [*_checks_of_result(result, job), *_checks_of_state(database, job, state)]
    return Replay(began_after, checks)


def _run(database: Database, job: Job, state: State) -> Run:
    scoring = scoring_of(job.spec.metric)
    decisions = decisions_of(database, job.id)

    def ask(call: ModelCall) -> Completion:
        for outcome in list_outcomes(database, job.id, call.key):
            if request_hash(outcome.model_id, call) == outcome.request_sha256:
                return replayed(call, outcome)
        raise ReplayError("not_in_ledger", f"the ledger has no outcome of the call {call.key}, as it would be made now")

    def decide(point: str, _reason: str | None = None) -> str | None:
        if point not in decisions:
            raise ReplayError("not_decided", f"no decision is stored for {point}")
        return decisions[point]

    return Run(
        state=state,
        model=ask,
        fan_out=map,
        control=decide,
        metric=scoring.metric,
        judge_weight=scoring.judge_weight,
        program_weight=scoring.program_weight,
    )


def _result(database: Database, job: Job, run: Run) -> Result:
    """Run to the end and return the result as it would be stored."""
    data: Result = {}
    for step in optimize(run):
        data = step.data
    result: Result = json.loads(to_json({**data, **findings(database, job, run.state)}))
    return result


def _checks_of_result(result: Result, job: Job) -> Iterator[Check]:
    stored = job.result or {}
    for said, names in {
        "the champion, candidate {candidate_id}": ("candidate_id", "prompt", "prompts"),
        "the verdict, {verdict}": ("verdict", "says", "test", "test_seen", "retest"),
        "the scores, {seed_score} of the seed prompt and {score}": ("seed_score", "score", "scored_on"),
        "why it ended, {stop_reason}": ("stop_reason", "stalled_by"),
        "the candidates by their objectives, {nondominated}": ("nondominated",),
        "what to beware of, {warnings}": ("warnings", "length_correlation"),
    }.items():
        same = all(result.get(name) == stored.get(name) for name in names)
        told = said.format_map(_rounded(result))
        yield Check(same, told if same else f"{told}; stored is {said.format_map(_rounded(stored)).partition(', ')[2]}")


def _rounded(result: Result) -> Result:
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in result.items()}
    front, warnings = result.get("nondominated"), result.get("warnings")
    ids = (
        [each["candidate_id"] for each in front["candidates"] if not each["dominated"]]
        if isinstance(front, dict)
        else []
    )
    codes = [each["code"] for each in warnings] if isinstance(warnings, list) else []
    return {**rounded, "nondominated": _listed(ids), "warnings": _listed(codes)}


def _listed(some: Sequence[object]) -> str:
    return " ".join(map(str, some)) or "none"


def _checks_of_state(database: Database, job: Job, state: State) -> Iterator[Check]:
    candidates = {each.id: each for each, _ in iterate_candidates(database, job.id)}
    rollouts = {(each.candidate_id, each.example_id): each for each in iterate_rollouts(database, job.id)}
    lessons = {each.id: each for each in list_lessons(database, job.id)}
    yield _check("candidates, with their texts, parents and decisions", state.candidates, candidates)
    yield _check("rollouts, with their outputs and scores", state.rollouts, rollouts)
    yield _check("lessons", {each.id: each for each in state.lessons}, lessons)


def _check(said: str, made: Mapping[Key, object], stored: Mapping[Key, object]) -> Check:
    different = [key for key in {**stored, **made} if made.get(key) != stored.get(key)]
    if not different:
        return Check(agrees=True, said=f"{len(made)} {said}")
    first = f"{len(different)} of them are not the same, first {different[0]}"
    return Check(agrees=False, said=f"{len(made)} {said}; {len(stored)} are stored, and {first}")
