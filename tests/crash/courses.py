"""Courses: what a job goes through from its creation to its end, and where faults strike on the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from gepa_next.api.edge.identity import NOBODY
from gepa_next.gepa.components import joined
from gepa_next.gepa.splits import SplitSizes
from gepa_next.gepa.types import Budget, Pinned, Role
from gepa_next.models import JobStatus, Retest
from gepa_next.store.ledger import iterate_calls
from gepa_next.store.pins import pin_version
from tests.crash.account import Account, job_account
from tests.crash.books import job_ids, spent
from tests.crash.disk import Stuck, make_room
from tests.crash.stage import SEED, Stage
from tests.store.jobs_on_file import EXAMPLES, PINNED, job_spec

REFLECTION = (Role.REFLECTOR, 3)  # in the second iteration, alone: nothing else is in flight when it waits or fails

SAME = {"Idempotency-Key": "the-same-each-time"}
COMPONENTS = {"item": "Name the item.", "quantity": "Say how many."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What strikes on a course; a process is started for each, and dies of it.

    Those that are not `sure` may come too late, for a job that is over.
    """

    runners: tuple[str, ...] = ()  # before anybody asks anything of the job
    servers: tuple[str, ...] = ()  # instead of answering what is asked
    later: tuple[str, ...] = ()  # runners again, after the answer
    sure: bool = True


NONE = Faults()
Course = Callable[[Stage, Faults], Account]


def to_its_end(stage: Stage, faults: Faults, **changes: object) -> Account:
    """Create a job in the store and run it."""
    stage.add_job(**changes)
    return run(stage, faults.runners, sure=faults.sure)


def posted(stage: Stage, faults: Faults) -> Account:
    """Create a job over HTTP, asking until somebody answers, and run it."""
    first, again = stage.ask("POST", "/v1/optimize", faults=faults.servers, json=body(), headers=SAME)
    assert {first.status_code, again.status_code} <= {HTTPStatus.CREATED, HTTPStatus.OK}, first.text
    stage.job_id = first.json()["job_id"]
    assert job_ids(stage.database) == [stage.job_id]
    return run(stage, faults.runners, sure=faults.sure)


def stopped(stage: Stage, faults: Faults) -> Account:
    """Ask a job in its second iteration to stop."""
    with held(stage, faults):
        answers = stage.ask("POST", f"/v1/optimize/{stage.job_id}/stop", faults=faults.servers)
        assert {each.status_code for each in answers} == {HTTPStatus.ACCEPTED}, answers[0].text
        if faults.later:
            stage.kill_all()
    return run(stage, faults.later, sure=faults.sure)


def cancelled(stage: Stage, faults: Faults) -> Account:
    """Cancel a job in its second iteration; the answer that it waits for is kept."""
    with held(stage, faults):
        answers = stage.ask("DELETE", f"/v1/optimize/{stage.job_id}", faults=faults.servers)
        assert {each.json()["status"] for each in answers} == {"cancelled"}, answers[0].text
    stage.wait_for(lambda: stage.open_calls() == 0)
    return account(stage)


def failed(stage: Stage, faults: Faults) -> Account:
    """Have the provider refuse in the second iteration, and resume the job when it serves again."""
    stage.models.order(refuse=REFLECTION)
    stage.add_job()
    run(stage, faults.runners, sure=faults.sure)
    assert stage.job().status is JobStatus.FAILED
    stage.models.order(refuse=None)
    resume(stage, faults)
    return run(stage, faults.later, sure=faults.sure)


def gone_on(stage: Stage, faults: Faults) -> Account:
    """Have a finished job go on for another iteration."""
    stage.add_job(iterations=2)
    run(stage, faults.runners, sure=faults.sure)
    resume(stage, faults, iterations=3)
    return run(stage, faults.later, sure=faults.sure)


def drained(stage: Stage, faults: Faults) -> Account:
    """Tell one runner after the other to leave, in the middle of the job."""
    stage.models.order(latency_s=0.02)
    stage.add_job()
    for fault in faults.runners:
        rollouts = stage.job().rollouts
        worker = stage.start_worker(fault=fault)
        stage.wait_for(lambda rollouts=rollouts: stage.job().rollouts > rollouts)
        worker.terminate()
        stage.wait_for(lambda worker=worker: worker.poll() is not None)
        stage.kill(worker)
        drained = ":after:" in fault  # until that is committed it is a crash
        assert not (drained and stage.open_calls()), "calls without an outcome, although there was time for all of them"
    return run(stage, ())


def waiting(stage: Stage, faults: Faults) -> Account:
    """Begin the job on a disk that has less room than is asked for."""
    stage.add_job()
    stage.variables["MIN_FREE_DISK_MB"] = "1000000000"
    for fault in faults.runners:
        stage.die_of(fault)
    del stage.variables["MIN_FREE_DISK_MB"]
    return run(stage, ())


def released(stage: Stage, faults: Faults) -> Account:
    """Have the disk be full as soon as a runner has the job, so that it cannot but let it go, and empty again."""
    stage.add_job()
    for fault in faults.runners:
        epoch = stage.job().owner_epoch
        worker = stage.start_worker(fault=f"claim_job:1:after:fill {fault}")
        stage.wait_for(lambda epoch=epoch: stage.job().owner_epoch > epoch)
        stage.wait_for(Stuck(stage.database))
        make_room(worker.pid)
        stage.wait_for(lambda worker=worker: worker.poll() is not None)
        stage.kill(worker)
    return run(stage, ())


def cached(stage: Stage, faults: Faults) -> Account:
    """Let one answer serve all who ask the same; one call at a time, so that it is certain which of them pays."""
    stage.variables["MAX_CONCURRENT_CALLS"] = "1"
    came_to = to_its_end(stage, faults, cache=True)
    assert "cached" in {call.status for call in iterate_calls(stage.database, stage.job_id)}
    return came_to


def program(stage: Stage, faults: Faults) -> Account:
    """Have a program with two components for a target."""
    url = f"{stage.models.url}/program"
    stage.variables |= {"PROGRAM_URLS": url, "PROGRAM_PRIVATE_ADDRESSES": "true"}
    came_to = to_its_end(
        stage,
        faults,
        prompts=COMPONENTS,
        prompt=joined(COMPONENTS),
        program_url=url,
        target_model_id=url,
        metric="program",
    )
    assert stage.job().best_prompts != COMPONENTS
    # Without the hash of the request, for the program's URL is in it, and that is another on each stage.
    calls = [(call.key, call.status, call.text) for call in iterate_calls(stage.database, stage.job_id)]
    return {**came_to, "calls": calls}


def retested(stage: Stage, faults: Faults) -> Account:
    """Test a pinned prompt again, which loses on every example."""
    pin_version(stage.database, NOBODY, PINNED, seen=None)
    lost = Pinned(text="Say nothing.", tolerance=-1.1)
    retest = Retest(name=PINNED.name, version=1, against=0, pinned=lost)
    split = SplitSizes(train=len(EXAMPLES), validation=len(EXAMPLES), test=0)
    return to_its_end(stage, faults, retest=retest, split=split, iterations=1)


def forked(stage: Stage, faults: Faults) -> Account:
    """Go on with another job from where a finished one was, whose rollouts it shares."""
    stage.variables["MAX_CONCURRENT_CALLS"] = "1"  # so that it is certain which of those who ask the same pays
    origin, _ = stage.ask("POST", "/v1/optimize", json={**body(), "cache": True, "iterations": 2}, headers=SAME)
    stage.job_id = origin.json()["job_id"]
    run(stage, ())
    stage.kill_all()
    path, given = f"/v1/optimize/{stage.job_id}/fork", {"event_id": stage.job().last_event_id, "iterations": 2}
    first, again = stage.ask(
        "POST", path, faults=faults.servers, json=given, headers=SAME | {"Idempotency-Key": "fork"}
    )
    assert {first.status_code, again.status_code} <= {HTTPStatus.CREATED, HTTPStatus.OK}, first.text
    assert first.json()["forked_from"]["shared_rollouts"] > 0
    stage.job_id = first.json()["job_id"]
    assert len(job_ids(stage.database)) == 2, "two forks of one request"
    return run(stage, faults.later, sure=faults.sure)


def run(stage: Stage, faults: tuple[str, ...], *, sure: bool = True) -> Account:
    """Run the job to its end on workers that die of the faults, and one that does not."""
    for fault in faults:
        stage.die_of(fault, unless=lambda: not sure and stage.is_over())
    if not (stage.is_over() or stage.processes):
        stage.start_worker()
    stage.wait_until_ended()
    return account(stage)


@contextmanager
def held(stage: Stage, faults: Faults) -> Iterator[None]:
    """Bring a job to a call that waits for its answer as long as this lasts."""
    stage.models.order(hold=REFLECTION)
    stage.add_job()
    for fault in faults.runners:
        stage.die_of(fault, unless=lambda: not faults.sure and stage.models.seen().waiting > 0)
    before = stage.models.seen().waiting
    stage.start_worker()
    stage.wait_for(lambda: stage.models.seen().waiting > before)
    yield
    stage.models.order(hold=None)


def resume(stage: Stage, faults: Faults, **limits: object) -> None:
    """Resume the job; whoever asks again is told that it is resumed already."""
    stage.kill_all()
    first, again = stage.ask("POST", f"/v1/optimize/{stage.job_id}/resume", faults=faults.servers, json=limits)
    assert first.status_code in {HTTPStatus.ACCEPTED, HTTPStatus.CONFLICT}, first.text
    assert again.status_code == HTTPStatus.CONFLICT, again.text
    assert stage.job().status is JobStatus.QUEUED


def account(stage: Stage) -> Account:
    return {**job_account(stage.database, stage.job_id), "spent": spent(stage.database)}


def body() -> dict[str, object]:
    """Return the request for the job that add_job adds."""
    spec = job_spec(seed=SEED)
    return {
        "prompt": spec.prompt,
        "target_model_id": "crash/target",
        "examples": [{"id": each.id, "input": each.input, "ideal": each.ideal} for each in EXAMPLES],
        "iterations": spec.iterations,
        "population": spec.population,
        "minibatch": spec.minibatch,
        "seed": spec.seed,
        "cache": spec.cache,
        "budget": {"max_rollouts": spec.budget.max_rollouts},
    }


BY_BUDGET = {
    "max_rollouts": Budget(max_rollouts=70),
    "max_calls": Budget(max_rollouts=500, max_calls=150),
    "max_tokens": Budget(max_rollouts=500, max_tokens=2300),
    # A call of unknown outcome counts too, as 0.001 USD: 20 of them make no difference to where this one ends.
    "max_cost_usd": Budget(max_rollouts=500, max_cost_usd=0.165),
}
JOB_COURSES: dict[str, Course] = {
    "iterations": to_its_end,
    **{name: partial(to_its_end, budget=budget) for name, budget in BY_BUDGET.items()},
    **{
        each.__name__: each
        for each in (
            posted,
            stopped,
            cancelled,
            failed,
            gone_on,
            drained,
            waiting,
            released,
            cached,
            program,
            retested,
            forked,
        )
    },
}
SAME_END = {
    **dict.fromkeys(("posted", "crowded", "drained", "waiting", "released"), "iterations"),
    "migrated_by_two": "migrated",
}
