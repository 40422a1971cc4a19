"""The receipt says what was done, and can be sent again."""

import time

import pytest

from gepa_next.api.evidence.receipt import spec_body
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.replies import InputsReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Completion, ModelCall
from gepa_next.llm.simulator import Simulator
from gepa_next.store.evidence import iterate_job_examples
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner
from gepa_next.store.runs import Progress, record_step
from tests.support.service import EXAMPLES, SMALL_JOB

RUNNER = RunnerIdentity(id="r", pid=1, pid_started_at=0, boot_id="b")
NOTHING = Progress(iteration=0, rollouts=0, seed_score=None, best_score=None, best_candidate_id=0)
EVERYTHING = {
    "prompt": "Add the two numbers {input}, exactly.",
    "rubric": "The sum.",
    "constraints": {"keep": ["exactly"], "max_prompt_tokens": 500},
    "budget": {"max_calls": 500, "max_tokens": 10**6, "max_cost_usd": 5, "max_seconds": 60, "patience": 3},
    "iterations": 2,
    "population": 2,
    "minibatch": 2,
    "split": {"train": 2, "val": 2, "test": 1},
    "temperature": 0.5,
    "max_tokens": 100,
    "cache": False,
    "metadata": {"team": "maths"},
    "examples": [{**EXAMPLES[0], "tags": ["small"], "meta": {"n": 1}}, *EXAMPLES[1:]],
}


def receipt_of(service, job_id):
    return service.client().get(f"/v1/optimize/{job_id}/artifacts/receipt.json").json


def draft(service, job_id, count) -> dict[str, int]:
    """Have the reflector draft so many inputs; return what the event says of the splits."""

    def model(call: ModelCall) -> Completion:
        if call.reply_type is InputsReply:
            return Completion(text="", reply=InputsReply(inputs=[f"Add {n} and {n}." for n in range(count)]))
        return Simulator()(call)

    register_runner(service.database, RUNNER, now=1.0, monotonic=0.0)
    epoch = claim_job(service.database, RUNNER, now=time.time()).epoch
    state = State(get_job(service.database, job_id).spec.task(()))
    for step in optimize(Run(state=state, model=model, fan_out=map, control=lambda _: None)):
        record_step(service.database, job_id, epoch=epoch, step=step, progress=NOTHING, now=1.0).result()
        if "validation" in step.data:
            return step.data
    raise AssertionError("no examples were divided")


@pytest.mark.parametrize("count", [2, 7, 13, 18])
def test_the_splits_of_drafted_examples_are_those_of_the_run(service, client, count) -> None:
    job_id = service.create(examples=[])
    told = draft(service, job_id, count)
    said = client.get(f"/v1/optimize/{job_id}").json["split"]
    splits = receipt_of(service, job_id)["splits"]
    assert (said["train"], said["val"], said["test"]) == (told["train"], told["validation"], told["test"])
    assert {name: len(each["ids"]) for name, each in splits.items()} == {name: told[name] for name in splits}


def test_drafts_that_are_given_up_are_not_counted(service, client) -> None:
    job_id = service.create(examples=[])
    expected = client.get(f"/v1/optimize/{job_id}").json["split"]
    draft(service, job_id, 7)
    client.delete(f"/v1/optimize/{job_id}")
    assert client.post(f"/v1/optimize/{job_id}/resume").json["split"] == expected


@pytest.mark.parametrize(
    "asked", [{}, EVERYTHING, {"examples": EXAMPLES[:3]}, {"examples": []}, {"metric": "contains"}]
)
def test_the_spec_of_a_receipt_asks_for_the_same_job_again(service, client, asked) -> None:
    first = service.create(**asked)
    spec = receipt_of(service, first)["spec"]
    answer = client.post("/v1/optimize", json=spec)
    assert answer.status_code == 201, answer.text
    second = answer.json["job_id"]
    assert get_job(service.database, second).spec == get_job(service.database, first).spec
    same = [list(iterate_job_examples(service.database, each)) for each in (first, second)]
    assert same[0] == same[1]


def test_a_job_made_from_a_receipt_ends_the_same(service, client) -> None:
    first = service.finished_job(**EVERYTHING)
    second = client.post("/v1/optimize", json=receipt_of(service, first)["spec"]).json["job_id"]
    service.run(second)
    told = [receipt_of(service, each) for each in (first, second)]
    for name in ("spec", "splits", "stop_reason", "usage", "rollouts"):
        assert told[0][name] == told[1][name]
    assert told[0]["result"]["test"] == told[1]["result"]["test"]


def test_nearly_the_same_examples_are_in_one_split_and_the_receipt_says_which(service, client) -> None:
    given = [{"id": f"e{n}", "input": f"{n // 2} plus {n // 2}" + "?" * (n % 2)} for n in range(30)]
    first = service.create(examples=given, split=None)
    told, state = receipt_of(service, first), client.get(f"/v1/optimize/{first}").json
    assert (state["near_duplicates"], len(told["near_duplicates"])) == (15, 15)
    assert sum(state["split"].values()) == 30
    split_of = {each: name for name, split in told["splits"].items() for each in split["ids"]}
    assert all(split_of[f"e{n}"] == split_of[f"e{n + 1}"] for n in range(0, 30, 2))
    assert ["e0", "e1"] in told["near_duplicates"]
    task = get_job(service.database, first).spec.task(tuple(iterate_job_examples(service.database, first)))
    assert [each.id for each in task.test] == told["splits"]["test"]["ids"]
    second = client.post("/v1/optimize", json=told["spec"]).json["job_id"]
    assert receipt_of(service, second)["splits"] == told["splits"]


@pytest.mark.parametrize("count", [2, 7, 18])
def test_drafted_examples_are_sent_again_as_given_ones_and_divided_alike(service, client, count) -> None:
    first = service.create(examples=[])
    draft(service, first, count)
    second = client.post("/v1/optimize", json=receipt_of(service, first)["spec"]).json["job_id"]
    assert receipt_of(service, second)["splits"] == receipt_of(service, first)["splits"]


def test_the_receipt_of_a_job_that_has_drafted_nothing_yet_asks_for_drafts_again(service) -> None:
    job = get_job(service.database, service.create(examples=[]))
    assert spec_body(job, [])["examples"] == []
    assert "split" not in spec_body(job, [])
    assert SMALL_JOB["prompt"] == spec_body(job, [])["prompt"]
