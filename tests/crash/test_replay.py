"""A job that was killed, again and again, replays as one that nothing happened to, and its receipt verifies."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gepa_next.api.evidence.artifacts import ARTIFACTS, RECEIPT, REPORT, Artifacts
from gepa_next.receipts.check import Check
from gepa_next.receipts.verify import verify
from gepa_next.runner.replay import Replay, replay
from tests.crash.courses import JOB_COURSES, NONE, Faults
from tests.crash.models import Models, models_served
from tests.crash.stage import stage

IN_A_RETEST = ("end_call:60:after:kill", "record_step:8:before:kill", "record_step:10:after:kill")
KILLS = ("end_call:40:before:kill", "record_step:4:after:kill", "begin_call:30:after:kill")


@pytest.fixture(scope="module")
def models() -> Iterator[Models]:
    with models_served() as served:
        yield served


def replay_of(folder: Path, models: Models, course: str, faults: Faults) -> tuple[Replay, list[Check]]:
    """Return the replay of a job, and how its receipt agrees with what it is about."""
    with stage(folder, models) as found:
        JOB_COURSES[course](found, faults)
        assert found.blows >= len(faults.runners + faults.later)
        files = {name: b"".join(Artifacts().chunks(found.database, found.job(), name)) for name in ARTIFACTS}
        receipt = files.pop(RECEIPT)
        del files[REPORT]  # it is about the receipt, not the other way round
        lines = {name: content.splitlines(keepends=True) for name, content in files.items()}
        return replay(found.database, found.job()), verify(receipt, lines)


@pytest.mark.parametrize(
    ("course", "faults", "began_after"),
    [
        ("iterations", Faults(runners=KILLS), 0),
        ("retested", Faults(runners=IN_A_RETEST), 0),
        ("failed", Faults(runners=KILLS[:1], later=KILLS[1:2]), 1),  # resumed on request in the second iteration
    ],
)
def test_a_killed_job_replays_as_an_uninterrupted_one(
    tmp_path: Path, models: Models, course: str, faults: Faults, began_after: int
) -> None:
    undisturbed, _ = replay_of(tmp_path / "undisturbed", models, course, NONE)
    killed, checks = replay_of(tmp_path / "killed", models, course, faults)
    assert [check for check in (*killed.checks, *checks) if not check.agrees] == []
    assert killed == undisturbed
    assert killed.began_after == began_after
