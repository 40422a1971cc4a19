"""A re-test: a pinned prompt beside the task's own on the same examples, each loss told."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from gepa_next.gepa.checkpoint import checkpoint
from gepa_next.gepa.conclusion import retest_conclusion
from gepa_next.gepa.paired import Comparison, lost_ids, pinned_test, retest_verdict
from gepa_next.gepa.rollouts import make_rollouts, missing, told_rollouts
from gepa_next.gepa.run import Run
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import Candidate, Decision, Pinned

PINNED = 1  # the pinned prompt as a candidate; the seed candidate is what it is compared with


def rollouts_of_retest(examples: int) -> int:
    """Return how many rollouts a re-test on so many examples takes: each prompt once on each of them."""
    return 2 * examples


def run_pinned(run: Run, pinned: Pinned) -> Iterator[Step]:
    """Yield the steps that run the pinned prompt, tell each loss, and complete the one iteration there is."""
    state = run.state
    candidate = Candidate(
        id=PINNED,
        text=pinned.text,
        prompts=pinned.prompts,
        operator="pinned",
        iteration=1,
        decision=Decision.ACCEPTED,
    )
    made = make_rollouts(run, missing(run, candidate, state.task.validation))
    yield from told_rollouts(state, made, purpose="pinned")
    yield from _losses(state, pinned)
    found = compare(state, pinned)
    data = {"iteration": 1, "candidate_id": PINNED, "verdict": retest_verdict(found)}
    data |= asdict(found) if found is not None else {}
    yield Step(key="1/retest", stage="retest", data=data, delta=Delta(candidates=(candidate,)))
    yield checkpoint(state)


def _losses(state: State, pinned: Pinned) -> Iterator[Step]:
    seed_scores, scores = _scores(state)
    for example_id in lost_ids(seed_scores, scores, tolerance=pinned.tolerance):
        score, seed_score = scores[example_id], seed_scores[example_id]
        data = {"iteration": 1, "candidate_id": PINNED, "example_id": example_id}
        data |= {"score": score, "seed_score": seed_score, "difference": score - seed_score}
        yield Step(key=f"1/loss/{example_id}", stage="loss", data=data)


def compare(state: State, pinned: Pinned) -> Comparison | None:
    """Return the paired comparison, None when no example has a score for both."""
    examples = len(state.task.validation)
    return pinned_test(*_scores(state), examples=examples, tolerance=pinned.tolerance, seed=state.task.seed)


def _scores(state: State) -> tuple[Mapping[str, float], Mapping[str, float]]:
    examples = state.task.validation
    return state.scores(0, examples), state.scores(PINNED, examples)


def told_retest(state: State, pinned: Pinned, reason: str) -> Iterator[Step]:
    """Yield the step that ends the re-test; without a comparison if it ended before the pinned prompt was run."""
    found = compare(state, pinned)
    result: dict[str, object] = {
        "prompt": pinned.text,
        "prompts": dict(pinned.prompts),
        "candidate_id": PINNED if PINNED in state.candidates else None,
        "score": found.score if found else None,
        "seed_score": found.seed_score if found else state.frontier.mean(0),
        "scored_on": "validation",
        "verdict": retest_verdict(found),
        "says": retest_conclusion(found),
        "test": None,
        "test_seen": False,
        "retest": asdict(found) if found else None,
        "lessons": [],
        "stop_reason": reason,
        "stalled_by": None,
    }
    yield Step(key="finished", stage="finished", data=result)
