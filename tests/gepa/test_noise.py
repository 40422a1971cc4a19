"""The judge's noise is measured on outputs of the job, cheaply, and what it explains is no merit."""

import random
import statistics
from dataclasses import replace
from math import sqrt

import pytest

from gepa_next.gepa.acceptance import Comparison, compare, verdict_on
from gepa_next.gepa.noise import ANCHORS, REPEATS, choose_anchors, noise_in
from gepa_next.gepa.replies import JudgeReply
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import Candidate, Example, JudgeNoise, ModelCall, Role, Rollout, Split
from tests.gepa.stage import (
    SEED_PROMPT,
    Models,
    accepted,
    carried_out,
    compares,
    down,
    ended,
    folded,
    metric_of_kinds,
    requests,
    run_of,
    state_with,
    task_of,
)

EXAMPLES = requests(30)
TASK = task_of(EXAMPLES)
MEASURED = ANCHORS * REPEATS
SEED = Candidate(id=0, text=SEED_PROMPT)


def moody(call: ModelCall) -> JudgeReply:
    """Judge an output a point higher or lower each time it is asked anew."""
    shift = random.Random(call.key).choice([0, 1, 2])  # noqa: S311 - seeded
    steady = compares(call)
    return replace(steady, score=min(10, steady.score + shift))


def noise_step(steps: list[Step]) -> Step | None:
    return next((step for step in steps if step.stage == "noise"), None)


def test_a_judge_is_asked_again_about_a_few_outputs_of_the_seed_prompt() -> None:
    models = Models(judge=moody)
    whole = ended(TASK, models)
    again = [call for call in models.asked(Role.JUDGE) if call.fresh]
    asked_before = {call.messages for call in models.asked(Role.JUDGE) if not call.fresh}
    assert len({call.key for call in again}) == len(again) == MEASURED
    assert {call.messages for call in again} <= asked_before
    step = noise_step(whole.steps)
    assert step is not None
    assert step.data["n"] == ANCHORS
    assert isinstance(step.data["sd"], float)
    assert 0.02 < step.data["sd"] < 0.15


def test_what_the_judgings_consume_is_spent() -> None:
    models = Models(judge=moody)
    whole = ended(TASK, models)
    assert whole.state.spending[Role.JUDGE].sends == len(models.asked(Role.JUDGE))
    assert whole.state.spending[Role.JUDGE].sends == whole.state.rollouts_used + MEASURED


def first_is_another(call: ModelCall) -> JudgeReply:
    """Judge all outputs the same when asked again, and a point lower at first."""
    return JudgeReply(feedback="So so.", score=6 if call.fresh else 5)


def test_the_first_score_is_one_of_three_where_the_judge_alone_scores() -> None:
    step = noise_step(ended(TASK, Models(judge=first_is_another)).steps)
    assert step is not None
    assert step.data["sd"] == pytest.approx(statistics.stdev([0.5, 0.6, 0.6]))


def test_a_first_score_in_which_a_metric_has_a_part_is_not_one_of_them() -> None:
    step = noise_step(ended(TASK, Models(judge=first_is_another), metric=metric_of_kinds, judge_weight=0.5).steps)
    assert step is not None
    assert step.data["sd"] == 0


def test_a_steady_judge_changes_nothing() -> None:
    """The run is that of a judge whose noise is not known."""
    unknown = ended(TASK, Models(judge=lambda call: down(call) if call.fresh else compares(call)))
    steady = ended(TASK, Models())
    assert steady.state.noise == JudgeNoise(sd=0.0, n=ANCHORS, repeats=REPEATS)
    assert steady.state.candidates == unknown.state.candidates
    assert steady.result == unknown.result


def test_judgings_that_fail_leave_the_noise_unknown_and_the_run_alone() -> None:
    whole = ended(TASK, Models(judge=lambda call: down(call) if call.fresh else compares(call)))
    assert whole.state.noise == JudgeNoise(sd=None, n=0, repeats=REPEATS)
    assert whole.result["stop_reason"] in {"target_score", "iterations"}


def test_nobody_is_asked_again_where_a_metric_scores() -> None:
    models = Models()
    whole = ended(TASK, models, metric=metric_of_kinds)
    assert noise_step(whole.steps) is None
    assert not models.asked(Role.JUDGE)


@pytest.mark.parametrize("limits", [{"max_rollouts": 140}, {"max_calls": 250}, {"max_tokens": 3500}])
def test_narrow_limits_are_kept_for_the_search(limits: dict[str, int]) -> None:
    task = replace(TASK, budget=replace(TASK.budget, **limits))
    whole = ended(task, Models(judge=moody))
    assert noise_step(whole.steps) is None
    assert whole.state.iteration > 0


def test_a_run_that_is_taken_up_after_the_measurement_does_not_make_it_again() -> None:
    whole = ended(TASK, Models(judge=moody))
    done = next(place for place, step in enumerate(whole.steps, 1) if step.stage == "noise")
    models = Models(judge=moody)
    again = carried_out(run_of(folded(TASK, [step.delta for step in whole.steps[:done]]), models))
    assert not [call for call in models.asked(Role.JUDGE) if call.fresh]
    assert again.state == whole.state


def test_a_judge_that_is_down_for_the_measurement_is_not_measured_later() -> None:
    whole = ended(TASK, Models(judge=lambda call: down(call) if call.fresh else compares(call)))
    done = next(place for place, step in enumerate(whole.steps, 1) if step.stage == "noise")
    again = ended(folded(TASK, [step.delta for step in whole.steps[:done]]), Models())
    assert noise_step(again.steps) is None
    assert again.state.spending[Role.JUDGE].sends < whole.state.spending[Role.JUDGE].sends + MEASURED


def test_the_outputs_to_be_judged_again_are_spread_over_the_scores() -> None:
    task = replace(TASK, validation=EXAMPLES[:8])
    scores = {(0, each.id): place / 10 for place, each in enumerate(EXAMPLES[:8])}
    state = state_with(task, SEED, scores=scores)
    chosen = [rollout.score for _, rollout in choose_anchors(state)]
    assert chosen == [0.0, 0.2, 0.3, 0.4, 0.6, 0.7]
    assert choose_anchors(state_with(task, SEED, scores=dict(reversed(scores.items())))) == choose_anchors(state)


def test_of_few_outputs_all_are_judged_again() -> None:
    state = state_with(TASK, SEED, scores={(0, each.id): 0.5 for each in TASK.validation[:2]})
    assert [example for example, _ in choose_anchors(state)] == sorted(TASK.validation[:2], key=lambda each: each.id)


def test_the_noise_is_the_pooled_standard_deviation_within_outputs() -> None:
    judgings = [[0.2, 0.4], [0.9, 0.9, 0.6], [0.5]]
    pooled = (statistics.variance(judgings[0]) + 2 * statistics.variance(judgings[1])) / 3
    assert noise_in(judgings, share=1.0).sd == pytest.approx(pooled**0.5)
    assert noise_in(judgings, share=0.25).sd == pytest.approx(pooled**0.5 / 4)
    assert noise_in(judgings, share=1.0).n == 2


@pytest.mark.parametrize("points", range(11))
def test_judgings_that_are_all_the_same_have_none_at_all(points: int) -> None:
    assert noise_in([[points / 10] * (1 + REPEATS)] * ANCHORS, share=1.0).sd == 0


def test_the_noise_that_is_told_is_near_the_true_one() -> None:
    rng = random.Random(7)  # noqa: S311 - for repetition, not for secrets
    told = [
        noise_in([[rng.gauss(0.5, 0.1) for _ in range(REPEATS)] for _ in range(ANCHORS)], share=1.0) for _ in range(500)
    ]
    assert statistics.mean((each.sd or 0) ** 2 for each in told) == pytest.approx(0.01, rel=0.1)


def compared(noise: float, differences: list[float], *, same_output: bool = False) -> Comparison:
    examples = tuple(Example(id=f"e{n}", input=str(n)) for n in range(len(differences)))
    rollouts = tuple(
        Rollout(
            candidate_id=candidate_id,
            example_id=example.id,
            split=Split.VALIDATION,
            output="same" if same_output else f"of {candidate_id}",
            score=0.5 + (difference if candidate_id else 0),
        )
        for example, difference in zip(examples, differences, strict=True)
        for candidate_id in (0, 1)
    )
    known = JudgeNoise(sd=noise, n=ANCHORS, repeats=REPEATS)
    state = State(replace(TASK, validation=examples))
    state.apply(Delta(rollouts=rollouts, candidates=(SEED, accepted(1, "Longer " * 90, 0)), noise=known))
    found = compare(state, 1, 0, examples)
    assert found is not None
    return found


STEADILY_BETTER = [0.1] * 8


def test_a_difference_that_the_noise_explains_is_no_merit() -> None:
    near = compared(0.3, [0.3, -0.3, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert (near.difference > 0, near.is_better) == (True, False)
    assert verdict_on(near, text="Longer " * 90, parent=SEED) == "within_noise"


def test_a_difference_that_the_noise_does_not_explain_is_one() -> None:
    assert compared(0.1, STEADILY_BETTER).is_better
    assert verdict_on(compared(0.1, STEADILY_BETTER), text="Longer " * 90, parent=SEED) is None


def test_the_more_examples_are_compared_the_less_the_noise_explains() -> None:
    few, many = compared(0.2, [0.05] * 4), compared(0.2, [0.05] * 16)
    assert few.noise == pytest.approx(2 * many.noise)


def test_where_both_gave_the_same_answer_and_got_the_same_score_there_was_no_chance() -> None:
    assert compared(0.2, [0.0] * 8, same_output=True).noise == 0
    assert compared(0.2, [0.1, *[0.0] * 7], same_output=True).noise < compared(0.2, STEADILY_BETTER).noise


def test_a_shorter_prompt_may_win_within_the_noise() -> None:
    near = compared(0.3, [0.1, *[0.0] * 7])
    assert verdict_on(near, text="Short.", parent=replace(SEED, text="Longer " * 90)) is None


def test_a_quarter_of_the_standard_error_of_the_differing_outputs_is_put_down_to_the_noise() -> None:
    assert compared(0.2, STEADILY_BETTER).noise == pytest.approx(0.25 * 0.2 * sqrt(2 * 8) / 8)
    assert compared(0.2, [0.1, *[0.0] * 7], same_output=True).noise == pytest.approx(0.25 * 0.2 * sqrt(2) / 8)


def test_the_same_answer_that_got_another_score_differs_by_chance() -> None:
    assert compared(0.2, [0.1] * 8, same_output=True).noise == compared(0.2, STEADILY_BETTER).noise > 0


def test_the_noise_of_a_judge_that_is_one_metric_of_several_is_scaled_by_its_weight() -> None:
    alone, beside = (
        noise_step(ended(TASK, Models(judge=moody), metric=metric_of_kinds, judge_weight=weight).steps)
        for weight in (1.0, 0.25)
    )
    assert alone is not None
    assert beside is not None
    assert beside.data["n"] == alone.data["n"] == ANCHORS
    assert 0.25 * 0.02 < beside.data["sd"] < 0.25 * 0.15  # as in the test of the judge alone
