"""A job that is still the runner's when its run is over goes back into the queue, or fails if it would not mend."""

import json
import threading
from collections import Counter

import pytest

from gepa_next.errors import ModelError, ProviderError, StoreError, UnavailableError
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobStatus
from gepa_next.runner import back_off
from gepa_next.runner.aftermath import MOST_TIMES
from gepa_next.runner.ledger import RoleModel
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.jobs import get_job
from gepa_next.store.ledger import iterate_calls
from gepa_next.store.requests import Resumption, resume_job
from tests.runner.running import TIMEOUT_S, come_true, ended, running, turns, wait_for
from tests.store.jobs_on_file import insert, job_spec


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back_off, "FIRST_S", 0.0)


def owner(database: Database, job_id: str) -> str | None:
    (row,) = database.rows("SELECT owner FROM jobs WHERE id = ?", (job_id,))
    return str(row["owner"]) if row["owner"] is not None else None


class BreaksOnce:
    """The simulator; one call finds the store broken while another, which is let go by hand, is in flight."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.slow_one_is_sent, self.hang_up = threading.Event(), threading.Event()

    def __call__(self, call: ModelCall) -> Completion:
        self.sent.append(call.key)
        if len(self.sent) == 2:  # the first rollout is made alone
            self.slow_one_is_sent.wait(TIMEOUT_S)
            raise StoreError("store_unavailable", "broken")
        if len(self.sent) == 3:
            self.slow_one_is_sent.set()
            self.hang_up.wait(TIMEOUT_S)
        return Simulator()(call)


@pytest.mark.usefixtures("no_pause")
def test_a_job_goes_back_into_the_queue_when_its_calls_are_in(database: Database) -> None:
    breaks = BreaksOnce()
    insert(database, metric="exact_match")
    with running(database, breaks) as runner:
        turns(runner, until=lambda: runner._held.over)
        turns(runner, 3)
        job = get_job(database, "job-1")
        assert (job.status, job.owner_epoch) == (JobStatus.RUNNING, 1)
        breaks.hang_up.set()
        assert ended(database).status is JobStatus.FINISHED
    sent_twice = [key for key, times in Counter(breaks.sent).items() if times > 1]
    assert sent_twice == [breaks.sent[1]]  # that of which nobody knew what became of it


def test_a_job_whose_database_fails_for_it_alone_is_left_alone_while_others_run(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(back_off, "FIRST_S", 60.0)
    insert(database, "broken")

    def breaks_for_one(call: ModelCall) -> Completion:
        if get_job(database, "broken").status is JobStatus.RUNNING and not others:
            raise StoreError("store_unavailable", "broken")
        return Simulator()(call)

    others: list[str] = []
    with running(database, breaks_for_one) as runner:
        turns(runner, until=lambda: runner._held.over)
        others.append(insert(database, "whole"))
        assert ended(database, "whole").status is JobStatus.FINISHED
        events = list_events(database, "broken", after=0, limit=99)
    assert "resumed" not in {event.type for event in events}


@pytest.mark.usefixtures("no_pause")
def test_a_job_of_which_nothing_can_be_read_fails_and_goes_on_when_it_is_mended(database: Database) -> None:
    database.write(lambda db: db.execute("ALTER TABLE lessons RENAME TO lost"))
    insert(database)
    with running(database, Simulator()):
        broken = ended(database)
        assert (broken.status, broken.error_code) == (JobStatus.FAILED, "store_unavailable")
        assert broken.owner_epoch == MOST_TIMES
        database.write(lambda db: db.execute("ALTER TABLE lost RENAME TO lessons"))
        resume_job(
            database, Resumption(job_id="job-1", spec=job_spec(), seen_event_id=broken.last_event_id), now=3.0
        )  # fmt: skip
        assert ended(database).status is JobStatus.FINISHED


@pytest.mark.usefixtures("no_pause")
def test_a_job_goes_on_by_itself_when_the_store_was_busy_however_often(database: Database) -> None:
    busy = iter([UnavailableError("store_busy", "busy")] * 3 * MOST_TIMES)

    def models_for(*_: object) -> dict[Role, RoleModel]:
        if (error := next(busy, None)) is not None:
            raise error
        return {role: RoleModel(model_id=f"sim/{role}", ask=Simulator()) for role in Role}

    insert(database)
    with running(database, Simulator(), models_for):
        job = ended(database)
    assert (job.status, job.owner_epoch) == (JobStatus.FINISHED, 3 * MOST_TIMES + 1)


@pytest.mark.usefixtures("no_pause")
def test_a_job_whose_failure_cannot_be_written_fails_without_its_message_at_last(database: Database) -> None:
    def refuse(_: ModelCall) -> Completion:
        raise ProviderError("provider_auth", "the key \ud800 is not accepted")

    insert(database)
    with running(database, refuse):
        job = ended(database)
    assert (job.status, job.error_code, job.owner_epoch) == (JobStatus.FAILED, "internal_error", MOST_TIMES)


@pytest.mark.usefixtures("no_pause")
def test_a_job_that_gets_on_between_its_failures_may_break_off_as_often_as_it_will(database: Database) -> None:
    """The store breaks at the first call of each iteration, once."""
    broken: set[str] = set()

    def breaks(call: ModelCall) -> Completion:
        iteration, _, _ = call.key.partition("/")
        if iteration.isdigit() and iteration not in broken:
            broken.add(iteration)
            raise StoreError("store_unavailable", "broken")
        return Simulator()(call)

    insert(database, iterations=MOST_TIMES + 2)
    with running(database, breaks) as runner:
        assert ended(database).status is JobStatus.FINISHED
        turns(runner, 1)
        assert not runner._held._back_offs
    assert len(broken) > MOST_TIMES


@pytest.mark.usefixtures("no_pause")
def test_a_job_that_cannot_be_put_back_keeps_no_other_from_being_so(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Its row refuses to be queued again."""

    def break_off(_: ModelCall) -> Completion:
        raise StoreError("store_unavailable", "broken")

    refuse = (
        "CREATE TRIGGER stuck BEFORE UPDATE OF left_at ON jobs WHEN new.id = 'stuck' AND new.left_at > 0"
        " BEGIN SELECT json('{'); END"
    )
    database.write(lambda db: db.execute(refuse))
    for job_id in ("stuck", "other"):
        insert(database, job_id)
    with running(database, break_off):
        wait_for(database, lambda: get_job(database, "other").owner_epoch >= 3)
    assert "cannot be put back" in caplog.text


@pytest.mark.usefixtures("no_pause")
def test_a_job_that_fails_because_it_would_not_mend_is_anybodys_and_begins_its_count_anew(database: Database) -> None:
    database.write(lambda db: db.execute("ALTER TABLE lessons RENAME TO lost"))
    insert(database)
    with running(database, Simulator()) as runner:
        assert ended(database).status is JobStatus.FAILED
        come_true(lambda: not runner._held.over)
        assert owner(database, "job-1") is None
        assert not runner._held._back_offs


@pytest.mark.usefixtures("no_pause")
def test_a_job_that_ended_is_released_as_soon_as_that_can_be_written(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    refuse = "CREATE TRIGGER stuck BEFORE UPDATE OF owner ON jobs WHEN new.owner IS NULL BEGIN SELECT json('{'); END"
    database.write(lambda db: db.execute(refuse))
    insert(database)
    with running(database, Simulator()):
        ended(database)
        come_true(lambda: "malformed JSON" in caplog.text)
        assert owner(database, "job-1") is not None
        database.write(lambda db: db.execute("DROP TRIGGER stuck"))
        wait_for(database, lambda: owner(database, "job-1") is None)


@pytest.mark.usefixtures("no_pause")
def test_a_job_that_cannot_be_put_back_for_a_while_goes_on_then(database: Database) -> None:
    broken = iter([StoreError("store_unavailable", "broken")])

    def models_for(*_: object) -> dict[Role, RoleModel]:
        if (error := next(broken, None)) is not None:
            raise error
        return {role: RoleModel(model_id=f"sim/{role}", ask=Simulator()) for role in Role}

    refuse = "CREATE TRIGGER stuck BEFORE UPDATE OF left_at ON jobs WHEN new.left_at > 0 BEGIN SELECT json('{'); END"
    database.write(lambda db: db.execute(refuse))
    insert(database)
    with running(database, Simulator(), models_for) as runner:
        turns(runner, 2 * MOST_TIMES, until=lambda: runner._held.over)
        database.write(lambda db: db.execute("DROP TRIGGER stuck"))
        job = ended(database)
    assert (job.status, job.owner_epoch) == (JobStatus.FINISHED, 2)


def test_a_run_that_comes_too_late_asks_nobody(database: Database) -> None:
    with running(database, Simulator()) as runner:
        runner._held.let_go_of_all()
        insert(database)
        turns(runner, until=lambda: runner._held.over)
        assert not list(iterate_calls(database, "job-1"))


@pytest.mark.usefixtures("no_pause")
def test_a_job_let_go_of_for_no_reason_is_taken_up_again(database: Database) -> None:
    hanging, hang_up = threading.Event(), threading.Event()

    def hang(call: ModelCall) -> Completion:
        hanging.set()
        hang_up.wait(TIMEOUT_S)
        return Simulator()(call)

    insert(database)
    with running(database, hang) as runner:
        assert hanging.wait(TIMEOUT_S)
        (run,) = runner._held.running
        runner._held.let_go([run.key])
        hang_up.set()
        job = ended(database)
    assert (job.status, job.owner_epoch) == (JobStatus.FINISHED, 2)


def late(call: ModelCall) -> Completion:
    """Answer as the simulator does, but let every proposal time out."""
    if call.role is Role.TARGET and not call.key.startswith("target/0/"):
        raise ModelError("timeout", "late")
    return Simulator()(call)


def steps(database: Database, job_id: str) -> list[tuple[str, str | None]]:
    events = list_events(database, job_id, after=0, limit=99)
    return [(event.type, json.loads(event.data).get("stage")) for event in events if event.type != "resumed"]


@pytest.mark.usefixtures("no_pause")
def test_a_job_does_not_fail_before_its_last_step_is_recorded(database: Database) -> None:
    insert(database, "undisturbed", population=6)
    with running(database, late):
        ended(database, "undisturbed")
    last = database.rows("SELECT key FROM events WHERE type = 'progress' ORDER BY id DESC LIMIT 1")[0]["key"]
    refuse = f"CREATE TRIGGER stuck BEFORE INSERT ON events WHEN new.key = '{last}' BEGIN SELECT json('{{'); END"
    database.write(lambda db: db.execute(refuse))
    insert(database, population=6)
    with running(database, late):
        wait_for(database, lambda: get_job(database, "job-1").owner_epoch == 2)
        database.write(lambda db: db.execute("DROP TRIGGER stuck"))
        job = ended(database)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "too_many_errors")
    assert steps(database, "job-1") == steps(database, "undisturbed")
