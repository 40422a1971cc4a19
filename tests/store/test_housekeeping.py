import fcntl
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gepa_next.errors import ConflictError, StoreError
from gepa_next.models import JobStatus
from gepa_next.store.checks import check_at_start
from gepa_next.store.connections import PRIVATE
from gepa_next.store.counters import list_counters
from gepa_next.store.database import Database
from gepa_next.store.events import append_event, list_events
from gepa_next.store.housekeeping import PARTS, back_up, check_file, prune_jobs
from gepa_next.store.jobs import find_job, get_job
from gepa_next.store.requests import Resumption, cancel_job, resume_job
from tests.store.jobs_on_file import insert, job_spec


def ended(database: Database, job_id: str, *, at: float, events: int = 3) -> None:
    insert(database, job_id)
    for n in range(events):
        database.write(lambda db, n=n: append_event(db, job_id, key=f"k{n}", kind="progress", now=1.0, data="{}"))
    cancel_job(database, job_id, token_id="token", now=at)  # noqa: S106 - an id


def test_a_backup_is_a_database_with_everything_in_it(database: Database, tmp_path: Path) -> None:
    ended(database, "a", at=5.0)
    assert back_up(database, tmp_path / "copy.sqlite3") > 0
    copy = Database(tmp_path / "copy.sqlite3")
    assert len(list_events(copy, "a", after=0, limit=10)) == 4
    copy.close()


def test_a_restored_backup_is_written_ahead_again(database: Database, tmp_path: Path) -> None:
    back_up(database, tmp_path / "copy.sqlite3")
    copy = Database(tmp_path / "copy.sqlite3")
    assert copy.rows("PRAGMA journal_mode")[0][0] == "wal"
    copy.close()


def test_a_backup_overwrites_nothing(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    with pytest.raises(StoreError, match="exists"):
        back_up(database, target)
    assert target.read_text() == "mine"


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_backup_that_fails_leaves_nothing_and_can_be_tried_again(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    with files_of_at_most(4096), pytest.raises(StoreError, match="cannot be written"):
        back_up(database, folder / "copy")
    assert list(folder.iterdir()) == []
    assert back_up(database, folder / "copy") > 4096
    assert list(folder.iterdir()) == [folder / "copy"]


KILLED_BEFORE_THE_END = """
import os, signal, sys
from pathlib import Path
from gepa_next.store import housekeeping
from gepa_next.store.database import Database
database = Database(Path(sys.argv[1]))
housekeeping.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
housekeeping.back_up(database, Path(sys.argv[2]))
"""


def test_a_backup_that_was_killed_leaves_no_copy_and_can_be_made_again(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_END, database.path, target], check=False)
    assert (killed.returncode, target.exists()) == (-signal.SIGKILL, False)
    assert (tmp_path / "copy.part").exists()
    back_up(database, target)
    assert not (tmp_path / "copy.part").exists()
    assert target.stat().st_mode & 0o777 == PRIVATE


def test_two_backups_to_one_file_do_not_mix(database: Database, tmp_path: Path) -> None:
    with (tmp_path / "copy.part").open("wb") as part:
        fcntl.flock(part, fcntl.LOCK_EX)  # as another that is under way has it
        with pytest.raises(StoreError, match="cannot be written"):
            back_up(database, tmp_path / "copy")


def test_only_jobs_that_ended_before_are_pruned_with_all_their_rows(database: Database) -> None:
    ended(database, "old", at=5.0)
    ended(database, "new", at=50.0)
    insert(database, "queued")
    assert prune_jobs(database, before=10.0, wait=lambda _: None, batch=2) == 1
    assert [find_job(database, name) is not None for name in ("old", "new", "queued")] == [False, True, True]
    left = {name: database.rows(f"SELECT 1 FROM {name} WHERE job_id = 'old'") for name in PARTS}  # noqa: S608
    assert not any(left.values())


def test_a_job_is_either_pruned_or_resumed(database: Database) -> None:
    """The request was judged before the job was hidden, and is carried out while its rows are deleted."""
    ended(database, "old", at=5.0)
    resumption = Resumption(job_id="old", spec=job_spec(), seen_event_id=get_job(database, "old").last_event_id)

    def resume(_: float) -> None:
        with pytest.raises(ConflictError):
            resume_job(database, resumption, now=6.0)

    assert prune_jobs(database, before=10.0, wait=resume) == 1
    assert find_job(database, "old") is None


def test_a_job_that_was_resumed_first_is_not_pruned(database: Database) -> None:
    ended(database, "kept", at=5.0)
    seen = get_job(database, "kept").last_event_id
    listed = database.rows

    def resume_after(sql: str, values: tuple[object, ...] = ()) -> object:
        found = listed(sql, values)
        database.rows = listed
        resume_job(database, Resumption(job_id="kept", spec=job_spec(), seen_event_id=seen), now=6.0)
        return found

    database.rows = resume_after
    assert prune_jobs(database, before=10.0, wait=lambda _: None) == 0
    assert get_job(database, "kept", token_id="token").status is JobStatus.QUEUED  # noqa: S106 - an id
    assert len(list_events(database, "kept", after=0, limit=10)) == 4


@pytest.mark.parametrize("table", PARTS)
def test_what_belongs_to_a_job_is_found_without_reading_what_belongs_to_others(database: Database, table: str) -> None:
    plan = database.rows(f"EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE job_id = ?", ("a",))  # noqa: S608 - ours
    assert [row["detail"].split()[0] for row in plan] == ["SEARCH"]


def test_pruning_leaves_the_counters(database: Database) -> None:
    ended(database, "old", at=5.0)
    before = list_counters(database)
    prune_jobs(database, before=10.0, wait=lambda _: None)
    assert list_counters(database) == before


def test_no_transaction_of_pruning_deletes_more_than_a_batch(database: Database) -> None:
    ended(database, "old", at=5.0, events=11)
    sizes: list[int] = []
    counted = database.write

    def write(unit: object) -> object:
        result = counted(unit)
        sizes.append(result)
        return result

    database.write = write
    prune_jobs(database, before=10.0, wait=lambda _: None, batch=5)
    assert max(sizes) == 5


def test_a_whole_file_has_nothing_wrong(database: Database) -> None:
    ended(database, "a", at=5.0)
    assert check_file(database) == []


def test_a_row_without_its_job_is_found(database: Database) -> None:
    ended(database, "a", at=5.0)
    other = sqlite3.connect(database.path)
    other.execute("DELETE FROM jobs")
    other.commit()
    other.close()
    assert any("jobs" in each for each in check_file(database))


def test_a_damaged_file_is_refused_at_start_in_clear_words(tmp_path: Path) -> None:
    path = tmp_path / "damaged.sqlite3"
    whole = Database(path)
    for n in range(50):
        insert(whole, f"job-{n}")
    whole.close()
    pages = bytearray(path.read_bytes())
    for place in range(len(pages) * 3 // 4 // 4096 * 4096, len(pages), 4096):
        pages[place : place + 200] = b"\xff" * 200
    path.write_bytes(pages)
    database = Database(path)
    with pytest.raises(StoreError, match="damaged"):
        check_at_start(database)
    database.close()


def test_a_whole_file_passes_at_start(database: Database) -> None:
    ended(database, "a", at=5.0)
    assert check_at_start(database)


def test_a_file_that_somebody_keeps_from_being_written_is_busy_and_not_broken(tmp_path: Path) -> None:
    with (
        closing(Database(tmp_path / "busy.sqlite3", gate_timeout_s=0.05)) as busy,
        closing(sqlite3.connect(busy.path, isolation_level=None)) as shell,
    ):
        shell.execute("BEGIN IMMEDIATE")
        assert not check_at_start(busy)
