"""The simulator's prompts get better by what the feedback says, and by nothing else."""

import json
from dataclasses import replace
from importlib.resources import files
from statistics import mean

from gepa_next.gepa.messages import judge_messages
from gepa_next.gepa.replies import JudgeReply
from gepa_next.gepa.splits import SplitSizes, divide
from gepa_next.gepa.types import Completion, Example, ModelCall, Role, Task
from gepa_next.llm.simulator import Simulator
from gepa_next.llm.simulator.judge import read_question
from tests.gepa.stage import Ended, ended, in_shuffled_order, task_of

JOB = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))
EXAMPLES = {each["input"]: Example(id=each["id"], input=each["input"], ideal=each["ideal"]) for each in JOB["examples"]}
SEEDS = range(6)


def true_score(call: ModelCall, said: Completion) -> Completion:
    """Return what the judge said, with the score that the output truly deserves."""
    question = read_question(call.messages[0].content)
    assert question is not None
    messages = judge_messages(EXAMPLES[question.input], question.output, "")
    truth = Simulator()(replace(call, messages=messages)).reply
    assert isinstance(said.reply, JudgeReply)
    assert isinstance(truth, JudgeReply)
    return replace(said, reply=replace(said.reply, score=truth.score))


def scored_truly(call: ModelCall) -> Completion:
    said = Simulator()(call)
    return true_score(call, said) if call.role is Role.JUDGE else said


def job(seed: int) -> Task:
    splits = divide(tuple(EXAMPLES.values()), SplitSizes(train=20, validation=14, test=26), seed=seed)
    task = task_of((), prompt=JOB["prompt"], seed=seed, iterations=14, population=4)
    return replace(task, train=splits.train, validation=splits.validation, test=splits.test)


def with_anothers_answers(task: Task) -> Task:
    """Give every train example the ideal of one that wants something else: feedback and demonstrations mislead."""
    ordered = sorted(task.train, key=lambda each: each.ideal or "")
    half = len(ordered) // 2
    turned = zip(ordered, ordered[half:] + ordered[:half], strict=True)
    return replace(task, train=tuple(replace(each, ideal=other.ideal) for each, other in turned))


def scores(whole: Ended) -> tuple[float, float]:
    seed_score, score = whole.result["seed_score"], whole.result["score"]
    assert isinstance(seed_score, float)
    assert isinstance(score, float)
    return seed_score, score


def test_no_example_gets_its_own_answer_in_these_tests() -> None:
    for seed in SEEDS:
        assert not any(each.ideal == EXAMPLES[each.input].ideal for each in with_anothers_answers(job(seed)).train)


def test_with_right_feedback_the_champion_improves_on_held_out_examples() -> None:
    results = [scores(ended(job(seed), scored_truly)) for seed in SEEDS]
    assert all(score > seed_score + 0.3 for seed_score, score in results)
    assert mean(score for _, score in results) > 0.75


def test_with_feedback_shuffled_among_the_cases_the_champion_does_not_improve() -> None:
    results = [scores(ended(with_anothers_answers(job(seed)), scored_truly)) for seed in SEEDS]
    gains = [score - seed_score for seed_score, score in results]
    assert mean(gains) < 0.03
    assert max(gains) < 0.1


def test_the_simulated_job_is_the_same_in_whatever_order_its_calls_finish() -> None:
    task = replace(job(7), iterations=3)
    assert ended(task, Simulator(), fan_out=in_shuffled_order(7)).steps == ended(task, Simulator()).steps
