"""Checkpoints: where an iteration is complete, and a run that is interrupted begins again."""

from gepa_next.gepa.spending import by_role
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta, Step


def checkpoint(state: State) -> Step:
    """Return the step that completes an iteration."""
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
