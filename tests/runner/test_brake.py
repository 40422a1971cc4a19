import threading
from pathlib import Path

import pytest

from gepa_next.gepa.types import Message, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.runner import ledger
from gepa_next.runner.brake import LOOK_S, DiskBrake
from gepa_next.runner.ledger import LedgerModel, RoleModel
from gepa_next.runner.tenure import Tenure
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner
from gepa_next.store.ledger import Holder
from tests.store.jobs_on_file import insert

ONE = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")
CALL = ModelCall(role=Role.TARGET, key="target/0/e1", messages=(Message("user", "Hello."),))


class Disk:
    def __init__(self) -> None:
        self.free, self.now = 100, 0.0

    def brake(self) -> DiskBrake:
        return DiskBrake(Path(), least_free_bytes=50, free_bytes=lambda _: self.free, clock=lambda: self.now)


def test_the_brake_holds_while_there_is_too_little_room() -> None:
    disk = Disk()
    brake = disk.brake()
    said = []
    for disk.free, disk.now in ((100, 0.0), (49, LOOK_S), (50, 2 * LOOK_S)):
        said.append(brake())
    assert said == [None, "disk_full", None]


def test_the_disk_is_looked_at_once_a_second() -> None:
    disk = Disk()
    brake = disk.brake()
    brake()
    disk.free = 0
    assert brake() is None


def claimed(database: Database) -> Holder:
    insert(database)
    register_runner(database, ONE, now=1.0, monotonic=0.0)
    claim = claim_job(database, ONE, now=1.0)
    assert claim is not None
    return Holder(job_id=claim.job_id, epoch=claim.epoch)


def test_a_job_that_waits_for_room_says_so_once_and_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(["disk_full", "disk_full", None, None])
    monkeypatch.setattr(ledger, "LOOK_S", 0.0)
    holder = claimed(database)
    models = {Role.TARGET: RoleModel(model_id="m", ask=Simulator())}
    model = LedgerModel(
        Tenure(database, holder, threading.Event()), models, clock=lambda: 2.0, brake=lambda: next(said)
    )
    assert model(CALL).text
    waiting = [event.data for event in list_events(database, "job-1", after=0, limit=9) if "waiting" in event.data]
    assert waiting == ['{"stage":"waiting","reason":"disk_full"}']
