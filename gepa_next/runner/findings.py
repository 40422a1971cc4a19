"""What a finished job says beside its verdict: of several objectives, of length, and what to beware of."""

from dataclasses import asdict

from gepa_next.gepa.length import length_correlation
from gepa_next.gepa.objectives import OBJECTIVES, compared_by, compared_on, non_dominated, offers, whole_scores
from gepa_next.gepa.state import State
from gepa_next.gepa.warning import length_warning, same_model_warning
from gepa_next.metrics import asks_judge
from gepa_next.models import Job
from gepa_next.store.answers import UNKNOWN, answers_of
from gepa_next.store.database import Database


def findings(database: Database, job: Job, state: State) -> dict[str, object]:
    """Return what the result says beside what the engine found; from the state and the ledger, as a replay has them."""
    judged = asks_judge(job.spec.metric)
    length = length_correlation(state.rollouts.values()) if judged else None
    warnings = [*same_model_warning(target=job.spec.target_model_id, judge=job.judge.model_id)] if judged else []
    return {
        "nondominated": _by_objectives(database, job, state),
        "length_correlation": asdict(length) if length else None,
        "warnings": [asdict(each) for each in (*warnings, *length_warning(length))],
    }


def _by_objectives(database: Database, job: Job, state: State) -> dict[str, object] | None:
    """Return the candidates that no other dominates, and the champion; None for a re-test."""
    if job.spec.retest is not None:
        return None
    examples = compared_on(state)
    scores = whole_scores(state, examples)
    known = job.spec.program_url is None  # what a program takes itself is not known here
    answers = {
        each: answers_of(database, job.id, _with_text_of(state, each), example_ids=examples) if known else UNKNOWN
        for each in scores
    }
    some = offers(state, scores, answers)
    names = compared_by(some)
    best = non_dominated(some, names)
    champion = state.leader.id
    return {
        "n": len(examples),
        "comparable": list(scores),
        "objectives": names,
        "left_out": [name for name in OBJECTIVES if name not in names],
        "candidates": [
            {**asdict(each), "champion": each.candidate_id == champion, "dominated": each.candidate_id not in best}
            for each in some
            if each.candidate_id in best or each.candidate_id == champion
        ],
    }


def _with_text_of(state: State, candidate_id: int) -> list[int]:
    """Return the candidates that were run with the same text, this one last."""
    others = state.by_text.get(state.candidates[candidate_id].text, ())
    return [*(each for each in others if each != candidate_id), candidate_id]
