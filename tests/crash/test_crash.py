"""Kill it anywhere: the job ends where it would have ended, and nothing that was answered is paid for twice."""

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.harness import (
    TIMEOUT_S,
    Account,
    Models,
    models_served,
    stage,
    stopped,
    through_a_freeze,
    through_faults,
    through_kills,
    undisturbed,
)

KINDS = ("begin_call:30", "end_call:50", "record_step:12", "decide_once:2", "claim_job:1", "finish_job:1", "beat:1")
RANDOM_KILLS = 10


@pytest.fixture(scope="module")
def models() -> Iterator[Models]:
    with models_served() as served:
        yield served


@pytest.fixture(scope="module")
def reference(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Account:
    return undisturbed(tmp_path_factory.mktemp("undisturbed"), models)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_a_commit_changes_nothing(
    tmp_path: Path, models: Models, reference: Account, kind: str, moment: str
) -> None:
    outcome = through_faults(tmp_path, models, [f"{kind}:{moment}:kill"])
    assert outcome.problems(reference) == []


def test_kills_at_random_moments_change_nothing(tmp_path: Path, models: Models, reference: Account) -> None:
    moments = random.Random(20)
    models.answer_after(0.01)
    outcome = through_kills(tmp_path, models, [moments.uniform(0.0, 0.25) for _ in range(RANDOM_KILLS)])
    models.answer_after(0.0)
    assert outcome.problems(reference, kills=RANDOM_KILLS) == []


@pytest.mark.parametrize("at", ["begin_call:40", "end_call:40"])
def test_an_owner_that_was_frozen_and_robbed_writes_and_sends_nothing(
    tmp_path: Path, models: Models, reference: Account, at: str
) -> None:
    models.answer_after(0.05)
    outcome = through_a_freeze(tmp_path, models, at=at)
    models.answer_after(0.0)
    assert outcome.problems(reference) == []


def test_a_worker_that_stops_inside_a_transaction_is_killed_and_its_job_taken_over(
    tmp_path: Path, models: Models, reference: Account
) -> None:
    with stage(tmp_path, models) as blocked:
        blocked.add_job()
        hung = blocked.start_worker(fault="end_call:40:inside:stop")
        blocked.wait_for(lambda: stopped(hung.pid))
        blocked.start_worker()
        blocked.wait_until_ended()
        assert hung.wait(TIMEOUT_S) == -signal.SIGKILL
        assert blocked.account() == reference


def test_two_workers_on_one_file_run_each_job_once(tmp_path: Path, models: Models, reference: Account) -> None:
    names = [f"job-{n}" for n in range(6)]
    with stage(tmp_path, models) as shared:
        for name in names:
            shared.add_job(name)
        for _ in range(2):
            shared.start_worker(MAX_CONCURRENT_JOBS="2")
        shared.wait_for(lambda: all(shared.job(name).status.terminal for name in names))
        assert [shared.job(name).owner_epoch for name in names] == [1] * len(names)
        assert [shared.account(name) for name in names] == [reference] * len(names)
