"""What a finished job says of its candidates by several objectives: from its state and its ledger."""

from dataclasses import asdict

from gepa_next.gepa.objectives import OBJECTIVES, compared_by, non_dominated, offers, whole_scores
from gepa_next.gepa.state import State
from gepa_next.models import Job
from gepa_next.store.answers import UNKNOWN, answers_of
from gepa_next.store.database import Database


def by_objectives(database: Database, job: Job, state: State) -> dict[str, object] | None:
    """Return the candidates that no other dominates, and the champion if it can be compared; None for a re-test."""
    if job.spec.retest is not None:
        return None
    deciding = [each.id for each in state.deciding]
    known = job.spec.program_url is None  # what a program takes itself is not known here
    answers = {
        each: answers_of(database, job.id, _with_text_of(state, each), example_ids=deciding) if known else UNKNOWN
        for each in whole_scores(state)
    }
    some = offers(state, answers)
    names = compared_by(some)
    best = non_dominated(some, names)
    champion = state.leader.id
    return {
        "n": len(deciding),
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
