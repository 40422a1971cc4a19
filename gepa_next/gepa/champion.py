"""The end of a run: the champion beside the seed prompt on examples that nothing saw before."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from gepa_next.gepa.conclusion import conclusion
from gepa_next.gepa.paired import PairedTest, against_seed, returned_id, verdict
from gepa_next.gepa.rollouts import Pair, make_rollouts, told_rollouts
from gepa_next.gepa.run import DRY_LIMIT, Run
from gepa_next.gepa.state import State
from gepa_next.gepa.statistics import mean
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Candidate, Split


def final_test(run: Run, reason: str) -> Iterator[Step]:
    """Yield the held-out test, if examples were set aside, and the step that ends the run."""
    state = run.state
    champion, seed = state.leader, state.candidates[0]
    contestants = [seed] if champion.id == seed.id else [seed, champion]
    # A failed one is not tried again: a replay that begins after the test must end as the run did.
    untried = [
        Pair(each, example, Split.TEST)
        for each in contestants
        for example in state.task.test
        if (each.id, example.id) not in state.rollouts
    ]
    yield from told_rollouts(state, make_rollouts(run, untried), purpose="test")
    found = held_out_test(state, champion)
    ending = {"iteration": state.iteration, "candidate_id": champion.id, "verdict": verdict(found)}
    if found is not None:
        yield Step(
            key=f"{state.iteration}/test", stage="test", data={**ending, **asdict(found)}, delta=Delta(checkpoint=True)
        )
    yield Step(key="finished", stage="finished", data=_result(state, champion, found, reason))


def held_out_test(state: State, champion: Candidate) -> PairedTest | None:
    """Return the paired comparison on the test split, None when no example has a score for both."""
    seed_scores, scores = (state.scores(each, state.task.test) for each in (0, champion.id))
    return against_seed(champion.id, seed_scores, scores, seed=state.task.seed)


def _result(state: State, champion: Candidate, found: PairedTest | None, reason: str) -> Mapping[str, object]:
    """Return the job's result; a champion that did not beat the seed prompt gives way to it."""
    shorter = count_tokens(champion.text) < count_tokens(state.candidates[0].text)
    returned = state.candidates[returned_id(champion.id, found, shorter=shorter)]
    seed_score, score = (found.seed_score, found.score) if found else _on_validation(state, returned)
    score = seed_score if returned.id == 0 else score
    return {
        "prompt": returned.text,
        "prompts": dict(returned.prompts),
        "candidate_id": returned.id,
        "score": score,
        "seed_score": seed_score,
        "scored_on": "test" if found else "validation",
        "verdict": verdict(found),
        "says": conclusion(champion.id, returned.id, found, held_out=len(state.task.test)),
        "test": asdict(found) if found else None,
        "test_seen": found is not None and state.task.test_seen,
        "lessons": [lesson.text for lesson in state.lessons],
        "stop_reason": reason,
        "stalled_by": _stalled_by(state) if reason == "stalled" else None,
    }


def _on_validation(state: State, champion: Candidate) -> tuple[float | None, float | None]:
    """Return the mean scores of the seed prompt and the champion where both have one, None without such an example."""
    seed_scores = state.scores(0, state.task.validation)
    scores = state.scores(champion.id, state.task.validation)
    both = [key for key in scores if key in seed_scores]
    if not both:
        return None, None
    return mean([seed_scores[key] for key in both]), mean([scores[key] for key in both])


def _stalled_by(state: State) -> str | None:
    """Return why most proposals of the dry iterations came to nothing, None if there were none."""
    late = (each for each in state.candidates.values() if each.iteration > state.iteration - DRY_LIMIT)
    return next((reason for reason, _ in Counter(each.reason for each in late).most_common(1)), None)
