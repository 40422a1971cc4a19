"""Kill it anywhere: the job ends where it would have ended, and nothing that was answered is paid for twice."""

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.crash.harness import Outcome, References, through_faults
from tests.crash.mishaps import (
    through_a_freeze,
    through_a_full_disk,
    through_a_hang,
    through_a_lock,
    through_a_long_full_disk,
    two_workers,
)
from tests.crash.models import Models, models_served
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.whole_server import through_a_hang_before_the_start, through_server_kills

AT_ONCE = 5  # they wait more than they work
LONGEST_S = 300
STOP_REASONS = ("iterations", "max_rollouts", "max_calls", "max_tokens", "max_cost_usd", "stopped", "cancelled")
SEED = os.environ.get("CRASH_SEED") or str(time.time_ns())
DRAWN = random.Random(SEED)
MOMENTS_S = [DRAWN.uniform(0.0, 0.25) for _ in range(10)]
MISHAPS: dict[str, Callable[[Path, Models], Outcome]] = {
    "ten kills of everything at random moments": partial(through_server_kills, after_s=MOMENTS_S),
    "an owner frozen before it asks": partial(through_a_freeze, at="begin_call:40"),
    "an owner frozen when it was answered": partial(through_a_freeze, at="end_call:40"),
    "an owner stopped inside a transaction": through_a_hang,
    "an owner stopped so before the server starts": through_a_hang_before_the_start,
    "a disk that is full for a while": through_a_full_disk,
    "a lock for longer than a hung runner is left alive": through_a_lock,
    "a disk that is full for so long for one of two": through_a_long_full_disk,
}


@pytest.fixture(scope="module")
def models() -> Iterator[Models]:
    with models_served() as served:
        yield served


@pytest.fixture(scope="module")
def references(models: Models, tmp_path_factory: pytest.TempPathFactory) -> References:
    return References(tmp_path_factory.mktemp("undisturbed"), models)


@pytest.fixture(scope="module")
def outcomes(
    models: Models, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[object, Future[Outcome]]]:
    """Disturb all jobs that the selected tests are about, a few at once; each test waits for its own."""
    disturbances: dict[object, Callable[[Path, Models], Outcome]] = {
        **MISHAPS,
        **{each: partial(through_faults, faults=each.faults, course=each.course) for each in SCENARIOS},
    }
    asked = [item.callspec.params["what"] for item in request.session.items if "outcomes" in item.fixturenames]
    folder = tmp_path_factory.mktemp("disturbed")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            what: pool.submit(disturbances[what], folder / str(place), models)
            for place, what in enumerate(asked)
        }  # fmt: skip
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("what", MISHAPS)
def test_nothing_that_happens_to_a_job_changes_its_end(
    outcomes: dict[object, Future[Outcome]], references: References, what: str
) -> None:
    print(f"random moments are those of CRASH_SEED={SEED}")  # which is shown when it fails
    assert outcomes[what].result(LONGEST_S).problems(references["iterations"]) == []


@pytest.mark.parametrize("what", SCENARIOS, ids=str)
def test_a_kill_before_or_after_a_commit_changes_nothing(
    outcomes: dict[object, Future[Outcome]], references: References, what: Scenario
) -> None:
    assert outcomes[what].result(LONGEST_S).problems(references[what.course]) == []


@pytest.mark.parametrize("course", STOP_REASONS)
def test_a_course_ends_as_it_is_called(references: References, course: str) -> None:
    status = references[course]["status"]
    assert isinstance(status, tuple)
    assert status[1] == course


def test_two_workers_on_one_file_run_each_job_once(tmp_path: Path, models: Models, references: References) -> None:
    reference = references["iterations"]
    for account in two_workers(tmp_path, models):
        assert account == {name: reference[name] for name in account}
