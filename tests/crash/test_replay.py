"""A job that was killed, again and again, replays as one that nothing happened to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gepa_next.runner.replay import Replay, replay
from tests.crash.courses import JOB_COURSES, NONE, Faults
from tests.crash.models import Models, models_served
from tests.crash.stage import stage

KILLS = ("end_call:40:before:kill", "record_step:4:after:kill", "begin_call:30:after:kill")


@pytest.fixture(scope="module")
def models() -> Iterator[Models]:
    with models_served() as served:
        yield served


def replay_of(folder: Path, models: Models, course: str, faults: Faults) -> Replay:
    with stage(folder, models) as found:
        JOB_COURSES[course](found, faults)
        assert found.blows >= len(faults.runners + faults.later)
        return replay(found.database, found.job())


@pytest.mark.parametrize(
    ("course", "faults", "began_after"),
    [
        ("iterations", Faults(runners=KILLS), 0),
        ("failed", Faults(runners=KILLS[:1], later=KILLS[1:2]), 1),  # resumed on request in the second iteration
    ],
)
def test_a_killed_job_replays_as_an_uninterrupted_one(
    tmp_path: Path, models: Models, course: str, faults: Faults, began_after: int
) -> None:
    undisturbed = replay_of(tmp_path / "undisturbed", models, course, NONE)
    killed = replay_of(tmp_path / "killed", models, course, faults)
    assert [check for check in killed.checks if not check.agrees] == []
    assert killed == undisturbed
    assert killed.began_after == began_after
