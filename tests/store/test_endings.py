import threading
from contextlib import suppress

import pytest

from gepa_next.errors import ConflictError
from gepa_next.gepa.run import standing_of
from gepa_next.gepa.state import State
from gepa_next.store.database import Database
from gepa_next.store.endings import fail_job, finish_job
from gepa_next.store.events import list_events
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner
from gepa_next.store.requests import cancel_job
from tests.store.jobs_on_file import insert, job_spec

STANDING = standing_of(State(job_spec().task(())))
ONE = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")


def cancel(database: Database) -> None:
    with suppress(ConflictError):
        cancel_job(database, "job-1", token_id="token", now=2.0)  # noqa: S106 - an id


@pytest.mark.parametrize("nth", range(20))
def test_of_all_that_would_end_a_job_at_once_one_does(database: Database, nth: int) -> None:
    insert(database)
    register_runner(database, ONE, now=1.0, monotonic=0.0)
    claim_job(database, ONE, now=1.0)
    together = threading.Barrier(3)
    endings = [
        lambda: cancel(database),
        lambda: finish_job(database, "job-1", epoch=1, now=2.0, result={"stop_reason": "stopped"}, standing=STANDING),
        lambda: fail_job(database, "job-1", epoch=1, now=2.0, code="internal_error", message="no"),
    ]

    def end(ending: object) -> None:
        together.wait(5)
        ending()

    threads = [threading.Thread(target=end, args=(ending,)) for ending in endings[nth % 3 :] + endings[: nth % 3]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    terminal = [event.type for event in list_events(database, "job-1", after=0, limit=9) if event.terminal]
    assert terminal == [get_job(database, "job-1").status]
