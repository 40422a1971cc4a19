import json
from dataclasses import replace

import pytest

from gepa_next.errors import StoreError
from gepa_next.gepa.components import joined
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.replies import ProgramReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import Completion, ModelCall, Role, Rollout, Split
from gepa_next.llm.simulator import Simulator
from gepa_next.store.counters import list_counters
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.evidence import iterate_rollouts
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner
from gepa_next.store.requests import Resumption, cancel_job, resume_job
from gepa_next.store.runs import Progress, record_step
from gepa_next.store.states import load_state
from tests.store.jobs_on_file import EXAMPLES, insert, job_spec

ONE = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")
PROMPTS = {"item": "Extract the item.", "qty": "Extract the quantity."}
NOTHING = Progress(iteration=0, rollouts=0, seed_score=None, best_score=None, best_candidate_id=0)


def simulated(state: State) -> Run:
    return Run(
        state=state,
        model=Simulator(),
        fan_out=lambda f, items: [f(i) for i in items],
        control=lambda _, reason=None: reason,
    )


def claimed(database: Database, **job: object) -> int:
    insert(database, **job)
    register_runner(database, ONE, now=1.0, monotonic=0.0)
    claim = claim_job(database, ONE, now=1.0)
    assert claim is not None
    return claim.epoch


def test_the_stored_state_equals_the_live_one_at_every_checkpoint(database: Database) -> None:
    epoch = claimed(database)
    state = State(job_spec().task(EXAMPLES))
    compared = 0
    for step in optimize(simulated(state)):
        if step.stage == "finished":
            break
        record_step(database, "job-1", epoch=epoch, step=step, progress=NOTHING, now=1.0).result()
        if step.delta.checkpoint:
            assert load_state(database, get_job(database, "job-1")) == state
            compared += 1
    assert compared == 6  # the seed, the noise, three iterations, the test


def test_the_stored_state_of_a_program_s_job_equals_the_live_one(database: Database) -> None:
    job = {"prompts": PROMPTS, "prompt": joined(PROMPTS), "program_url": "https://agents.example/", "metric": "program"}
    epoch = claimed(database, **job)
    state = State(job_spec(**job).task(EXAMPLES))
    run = replace(simulated(state), model=with_program, program_weight=1.0)
    for step in optimize(run):
        if step.stage == "finished":
            break
        record_step(database, "job-1", epoch=epoch, step=step, progress=NOTHING, now=1.0).result()
        if step.delta.checkpoint:
            assert load_state(database, get_job(database, "job-1")) == state
    assert {tuple(each.prompts) for each in state.candidates.values()} == {tuple(PROMPTS)}
    assert len(state.candidates) > 3


def with_program(call: ModelCall) -> Completion:
    if call.role is not Role.TARGET:
        return Simulator()(call)
    length = len(json.loads(call.messages[0].content)["prompts"]["item"])
    return Completion(text="", reply=ProgramReply(output="?", score=length % 7 / 7, feedback='Should be "x".'))


def test_what_came_after_the_last_checkpoint_is_not_in_the_stored_state(database: Database) -> None:
    epoch = claimed(database)
    for step in optimize(simulated(State(job_spec().task(EXAMPLES)))):
        record_step(database, "job-1", epoch=epoch, step=step, progress=NOTHING, now=1.0).result()
        if step.key == "2/iteration":
            expected = load_state(database, get_job(database, "job-1"))
        if step.key.startswith("3/generate"):
            break
    assert load_state(database, get_job(database, "job-1")) == expected


def test_a_step_recorded_twice_is_there_once(database: Database) -> None:
    epoch = claimed(database)
    steps = []
    for step in optimize(simulated(State(job_spec().task(EXAMPLES)))):
        steps.append(step)
        if step.key == "1/iteration":
            break
    said = [
        record_step(database, "job-1", epoch=epoch, step=step, progress=NOTHING, now=1.0).result()
        for step in [*steps, *steps]
    ]
    assert said == [True] * len(steps) + [False] * len(steps)


def test_after_a_resumption_what_was_unfinished_is_recorded_anew(database: Database) -> None:
    epoch = claimed(database)
    said = []
    for step in optimize(simulated(State(job_spec().task(EXAMPLES)))):
        record_step(database, "job-1", epoch=epoch, step=step, progress=NOTHING, now=1.0).result()
        if step.key.startswith("2/select"):
            break
    cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
    seen = get_job(database, "job-1").last_event_id
    resume_job(database, Resumption(job_id="job-1", spec=job_spec(), seen_event_id=seen), now=3.0)
    claim = claim_job(database, ONE, now=4.0)
    assert claim is not None
    state = load_state(database, get_job(database, "job-1"))
    for step in optimize(simulated(state)):
        if step.stage == "finished":
            break
        pending = record_step(database, "job-1", epoch=claim.epoch, step=step, progress=NOTHING, now=5.0)
        said.append(pending.result())
    assert all(said)
    assert load_state(database, get_job(database, "job-1")) == state


def test_rollouts_that_are_recorded_anew_after_a_resumption_are_counted_once(database: Database) -> None:
    epoch = claimed(database)
    rollouts = tuple(Rollout(candidate_id=0, example_id=f"e{n}", split=Split.TRAIN) for n in range(3))
    data = {"iteration": 1}
    step = Step(key="1/evaluate/0/parent", stage="evaluate", data=data, delta=Delta(rollouts=rollouts))
    made = replace(NOTHING, rollouts=3)
    record_step(database, "job-1", epoch=epoch, step=step, progress=made, now=1.0).result()
    cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id
    seen = get_job(database, "job-1").last_event_id
    resume_job(database, Resumption(job_id="job-1", spec=job_spec(), seen_event_id=seen), now=3.0)
    claim = claim_job(database, ONE, now=4.0)
    assert claim is not None
    assert record_step(database, "job-1", epoch=claim.epoch, step=step, progress=made, now=5.0).result()
    counted = {each.name: each.value for each in list_counters(database)}
    assert counted["rollouts"] == get_job(database, "job-1").rollouts == len(list(iterate_rollouts(database, "job-1")))


def test_a_step_whose_predecessor_could_not_be_written_is_not_written_either(database: Database) -> None:
    epoch = claimed(database)
    steps = [Step(key=f"0/{n}", stage="evaluate", data={"iteration": 0, "text": n}, delta=Delta()) for n in range(2)]
    first = record_step(database, "job-1", epoch=epoch, step=steps[0], progress=NOTHING, now=1.0)
    first.fail(StoreError("store_unavailable", "the disk is full"))
    database._commits._queue.clear()
    second = record_step(database, "job-1", epoch=epoch, step=steps[1], progress=NOTHING, now=1.0, after=first)
    with pytest.raises(StoreError):
        second.result()
    assert [event.type for event in list_events(database, "job-1", after=0, limit=9)] == ["started"]
