"""Input of little or no use: the job ends well all the same and says what happened."""

import json
from contextlib import closing

import pytest

from gepa_next.models import JobStatus
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts
from tests.e2e.jobs_on_faults import JOB_ID, run_job
from tests.support.faults import answered
from tests.support.service import EXAMPLES, open_service

SAME = {"lesson": "be kind", "prompt": "Be kind.", "addition": "Be kind."}
PARENT = {"lesson": "all is well", "prompt": "Extract the order.", "addition": ""}  # the seed prompt of these jobs


@pytest.fixture
def service(tmp_path):
    with closing(open_service(tmp_path)) as opened:
        yield opened


def ended(service, **changes):
    return service.client().get(f"/v1/optimize/{service.finished_job(**changes)}").json


@pytest.mark.parametrize("score", [85, -1, 7.5, float("nan"), float("inf"), "good", None])
def test_a_judge_whose_scores_are_none_fails_the_job_and_it_says_so(database, fault_server, score) -> None:
    reply = json.dumps({"feedback": "Right.", "score": score})
    play = fault_server.play_by_words((['"acme/judge"'], [answered(reply)]))
    job = run_job(database, play.base_url)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "judge_malformed_reply")
    assert "outputs of the seed prompt could be scored" in (job.error_message or "")
    assert "resume the job" in (job.error_message or "")
    assert all(rollout.score is None for rollout in iterate_rollouts(database, JOB_ID))


@pytest.mark.parametrize("reply", [SAME, PARENT], ids=["the same", "the parent"])
def test_a_reflector_that_always_answers_one_thing_stalls_the_job(database, fault_server, reply) -> None:
    play = fault_server.play_by_words((['"acme/reflector"'], [answered(json.dumps(reply))]))
    job = run_job(database, play.base_url, iterations=50)
    assert (job.status, job.stop_reason, job.result["stalled_by"]) == (JobStatus.FINISHED, "stalled", "duplicate")
    assert job.iteration < 20
    written = {each.text for each, _ in iterate_candidates(database, JOB_ID) if each.operator == "reflect"}
    assert reply["prompt"] in written
    assert job.result["prompt"] != SAME["prompt"]


def test_one_example_is_trained_and_validated_on_and_nothing_is_concluded(service) -> None:
    found = ended(service, examples=EXAMPLES[:1], iterations=3, population=2)
    assert (found["status"], found["split"]) == ("finished", {"train": 1, "val": 1, "test": 0})
    result = found["result"]
    assert (result["verdict"], result["scored_on"], result["test"]) == ("inconclusive", "validation", None)


def test_examples_that_contradict_each_other_end_a_job_that_cannot_be_perfect(service) -> None:
    twice = [
        {"id": f"c{n}-{ideal}", "input": f"Case {n}: may we call it {n}?", "ideal": ideal}
        for n in range(12)
        for ideal in ("yes", "no")
    ]
    found = ended(service, examples=twice, metric="exact_match", iterations=8, population=4, minibatch=3)
    assert (found["status"], found["stop_reason"]) in {("finished", "iterations"), ("finished", "stalled")}
    assert found["best_score"] < 1.0
    assert found["result"]["score"] < 1.0
