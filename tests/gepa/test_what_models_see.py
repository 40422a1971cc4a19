"""Who is shown what: rollouts are real, the judge is blind to the prompt, held-out examples stay held out."""

from collections import Counter

import pytest

from gepa_next.errors import ModelError
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.messages import judge_messages, target_messages
from gepa_next.gepa.replies import JudgeReply
from gepa_next.gepa.spending import add_spending, cost_usd, sends, spent_on
from gepa_next.gepa.state import SAME_TEXT
from gepa_next.gepa.types import CallUsage, Example, ModelCall, Role, Rollout, Split, Task, Verdict
from tests.gepa.stage import (
    Ended,
    Models,
    compares,
    ended,
    flaky,
    follows_rules,
    metric_of_kinds,
    requests,
    run_of,
    task_of,
    text_of,
)


@pytest.fixture(scope="module")
def task() -> Task:
    return task_of(requests(36, ideals=True), rubric="The right answer and nothing else.")


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


@pytest.fixture(scope="module")
def whole(task: Task, models: Models) -> Ended:
    return ended(task, models)


def by_id(task: Task) -> dict[str, Example]:
    return {each.id: each for each in (*task.train, *task.validation, *task.test)}


def shows(call: ModelCall, examples: tuple[Example, ...]) -> bool:
    return any(each.input in text_of(call) for each in examples)


def paid(whole: Ended) -> dict[tuple[int, str], Rollout]:
    """Return the rollouts that were made, without those taken over from an earlier candidate of the same text."""
    return {key: each for key, each in whole.state.rollouts.items() if SAME_TEXT not in each.flags}


def test_every_rollout_ran_its_candidate_on_its_example(task: Task, models: Models, whole: Ended) -> None:
    examples, candidates = by_id(task), whole.state.candidates
    asked = Counter(call.messages for call in models.asked(Role.TARGET))
    made = Counter(
        target_messages(candidates[candidate_id].text, examples[example_id].input)
        for candidate_id, example_id in paid(whole)
    )
    assert asked == made
    assert sum(asked.values()) == whole.state.rollouts_used


def test_the_judge_read_that_very_output(task: Task, models: Models, whole: Ended) -> None:
    examples = by_id(task)
    asked = Counter(call.messages for call in models.asked(Role.JUDGE) if not call.fresh)
    made = (
        judge_messages(examples[example_id], rollout.output, task.rubric)
        for (_, example_id), rollout in paid(whole).items()
    )
    assert asked == Counter(made)


def test_the_judge_never_sees_a_prompt(models: Models, whole: Ended) -> None:
    texts = {each.text for each in whole.state.candidates.values()}
    assert not any(text in text_of(call) for call in models.asked(Role.JUDGE) for text in texts if text)


def test_test_examples_are_shown_to_nobody_before_the_final_test(task: Task) -> None:
    models, seen = Models(), 0
    for step in optimize(run_of(task, models)):
        if step.stage == "iteration":
            assert not any(shows(call, task.test) for call in models.calls)
            seen = len(models.calls)
    assert seen
    assert all(shows(call, task.test) for call in models.calls[seen:])


def test_validation_and_test_examples_are_never_shown_to_the_reflector(task: Task, models: Models) -> None:
    asked = models.asked(Role.REFLECTOR)
    assert any(shows(call, task.train) for call in asked)
    assert not any(shows(call, (*task.validation, *task.test)) for call in asked)


def test_no_prompt_quotes_a_held_out_example(task: Task, whole: Ended) -> None:
    texts = [each.text for each in whole.state.candidates.values()]
    assert any(each.input in text for each in task.train for text in texts)
    assert not any(each.input in text for each in (*task.validation, *task.test) for text in texts)


def test_no_rollout_is_paid_twice(whole: Ended) -> None:
    made = Counter((each.candidate_id, each.example_id) for step in whole.steps for each in step.delta.rollouts)
    assert max(made.values()) == 1


def test_only_a_failed_rollout_is_tried_again() -> None:
    models = Models(target=flaky(follows_rules, share=0.2))
    tried: dict[tuple[int, str], list[float | None]] = {}
    for step in ended(task_of(requests(12)), models).steps:
        for each in step.delta.rollouts:
            tried.setdefault((each.candidate_id, each.example_id), []).append(each.score)
    assert any(len(scores) > 1 for scores in tried.values())
    assert max(Counter(call.key for call in models.calls).values()) == 1
    assert all(score is None for scores in tried.values() for score in scores[:-1])


def test_a_demonstrated_example_is_of_the_train_split_and_not_compared_on(task: Task, whole: Ended) -> None:
    demonstrated = [each for each in whole.state.candidates.values() if each.operator == "demonstrate" and each.text]
    assert demonstrated
    for candidate in demonstrated:
        shown = {each.id for each in task.train if each.input in candidate.text}
        assert shown
        assert not any((candidate.id, example_id) in whole.state.rollouts for example_id in shown)


def test_a_metric_scores_without_a_judge(task: Task) -> None:
    models = Models(judge=lambda _: pytest.fail("the judge was asked"))
    whole = ended(task, models, metric=metric_of_kinds)
    assert (whole.state.leader_score or 0) > (whole.state.frontier.mean(0) or 0)


def test_beside_a_metric_the_judge_has_its_share_of_score_and_feedback(task: Task) -> None:
    models = Models(judge=lambda _: JudgeReply(feedback="So so.", score=4))
    whole = ended(task, models, metric=metric_of_kinds, judge_weight=0.25)
    examples = by_id(task)
    assert len([call for call in models.asked(Role.JUDGE) if not call.fresh]) == whole.state.rollouts_used
    for rollout in whole.state.rollouts.values():
        measured = metric_of_kinds(examples[rollout.example_id], rollout.output)
        assert rollout.feedback == f"{measured.feedback}\njudge 0.40 (weight 0.25). So so."
        assert rollout.score == pytest.approx(0.75 * measured.score + 0.25 * 0.4)


def test_where_a_metric_has_no_score_the_judge_beside_it_is_not_asked(task: Task) -> None:
    def scores_nothing(example: Example, _: str) -> Verdict:
        raise ModelError("no_ideal", f"example {example.id} has no ideal", sends=0, cost_usd=0.0)

    models = Models()
    with pytest.raises(ModelError, match="has no ideal") as caught:
        ended(task, models, metric=scores_nothing, judge_weight=0.5)
    assert caught.value.code == "judge_no_ideal"
    assert models.asked(Role.JUDGE) == []


def test_the_rollouts_of_a_step_carry_the_split_they_were_made_for(task: Task, whole: Ended) -> None:
    splits = {each.id: Split.TRAIN for each in task.train}
    splits |= {each.id: Split.VALIDATION for each in task.validation} | {each.id: Split.TEST for each in task.test}
    assert all(rollout.split is splits[key] for (_, key), rollout in whole.state.rollouts.items())


def test_usage_is_the_sum_over_all_calls(models: Models, whole: Ended) -> None:
    assert sends(whole.state.spending) == len(models.calls)
    assert cost_usd(whole.state.spending) == pytest.approx(0.001 * len(models.calls))


def test_what_failed_calls_consumed_is_counted(task: Task) -> None:
    models = Models(judge=flaky(compares, share=0.3))
    assert sends(ended(task, models).state.spending) == len(models.calls)


def test_a_cost_that_is_unknown_once_stays_unknown() -> None:
    known, unknown = (spent_on(Role.JUDGE, CallUsage(cost_usd=cost)) for cost in (0.5, None))
    assert cost_usd(add_spending(known, known)) == 1.0
    assert cost_usd(add_spending(add_spending(known, unknown), known)) is None
