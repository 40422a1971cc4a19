"""The reference implementation searches the same tasks, in every setting that is compared."""

from collections.abc import Iterator

import pytest

from benchmarks.search.families import REPORTED
from benchmarks.search.systems import ALL_SETTINGS
from benchmarks.search.workers import Worker
from tests.benchmarks.reference import PYTHON, needed

pytestmark = needed


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker(PYTHON, "trial")
    yield worker
    worker.close()


@pytest.mark.parametrize("family", [family.name for family in REPORTED])
def test_the_reference_searches_every_family(family: str, worker: Worker) -> None:
    trial = {"kind": "reported", "family": family, "system": "reference", "seed": 7, "max_rollouts": 240}
    found = worker.carry_out(trial)
    assert "failed" not in found
    assert found["rollouts"] >= 240
    assert found["proposals"] >= found["accepted"] > 0
    assert all(at <= 240 for at, _ in found["curve"])


@pytest.mark.parametrize("setting", ALL_SETTINGS[1:])
def test_each_setting_of_the_reference_searches_otherwise_than_its_defaults(setting: str, worker: Worker) -> None:
    trial = {"kind": "reported", "family": "noisy", "seed": 7, "max_rollouts": 400}
    default, other = (worker.carry_out({**trial, "system": system}) for system in ("reference", setting))
    assert "failed" not in other
    assert other["curve"] != default["curve"]
