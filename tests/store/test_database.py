import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gepa_next.errors import DamagedError, StoreError, UnavailableError
from gepa_next.store.database import Database
from gepa_next.store.gate import Gate
from gepa_next.store.migrate import APPLICATION_ID, schema_version
from gepa_next.store.runner_lock import RunnerLock
from tests.support.holding import held

FOREVER = float("inf")
HOUR_S = 3600.0
INSERT = "INSERT INTO counters (name, labels, value) VALUES (?, '{}', 1)"


def disk_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


def names(database: Database) -> list[str]:
    return [row["name"] for row in database.rows("SELECT name FROM counters ORDER BY name")]


def test_what_is_written_is_read_at_once(database: Database) -> None:
    database.write(lambda db: db.execute(INSERT, ("a",)))
    assert names(database) == ["a"]


def test_a_unit_that_raises_undoes_only_itself(database: Database) -> None:
    together = threading.Barrier(3)

    def fail(db: sqlite3.Connection) -> None:
        db.execute(INSERT, ("lost",))
        raise ValueError("no")

    def write(name: str) -> None:
        together.wait(5)
        if name == "bad":
            with pytest.raises(ValueError, match="no"):
                database.write(fail)
        else:
            database.write(lambda db: db.execute(INSERT, (name,)))

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "bad", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert names(database) == ["a", "b"]


def test_units_that_share_a_commit_with_one_that_raises_are_written_once(database: Database) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise ValueError("no")

    before = database.submit(lambda db: db.execute(INSERT, ("before",)).rowcount)
    bad = database.submit(fail)
    after = database.submit(lambda db: db.execute(INSERT, ("after",)).rowcount)
    assert (before.result(), after.result()) == (1, 1)
    with pytest.raises(ValueError, match="no"):
        bad.result()
    assert names(database) == ["after", "before"]


def test_nobody_is_told_of_a_commit_that_failed(database: Database) -> None:
    def break_down(_: sqlite3.Connection) -> None:
        raise disk_error()

    told: list[int] = []
    database.listen(lambda: told.append(1))
    with pytest.raises(StoreError):
        database.write(break_down)
    assert (told, database.unwritable_s > 0) == ([], True)
    database.write(lambda db: db.execute(INSERT, ("a",)))
    assert (told, database.unwritable_s) == ([1], 0)


def test_a_text_that_is_not_utf_8_is_damage_to_its_rows_only(database: Database) -> None:
    database.write(lambda db: db.execute(INSERT, ("whole",)))
    database.write(lambda db: db.execute("INSERT INTO counters VALUES (CAST(x'73ff' AS TEXT), '{}', 1)"))
    with pytest.raises(DamagedError, match=r"a text in it is not UTF-8$"):
        names(database)
    assert len(database.rows("SELECT name FROM counters WHERE name = 'whole'")) == 1


@pytest.mark.parametrize(
    ("sql", "error"),
    [("SELECT name FROM counters WHERE value = 1", DamagedError), ("SELECT json('{')", StoreError)],
)
def test_what_one_unit_cannot_read_is_its_own_error(database: Database, sql: str, error: type[StoreError]) -> None:
    database.write(lambda db: db.execute("INSERT INTO counters VALUES (CAST(x'73ff' AS TEXT), '{}', 1)"))
    before = database.submit(lambda db: db.execute("INSERT INTO counters VALUES ('before', '{}', 2)").rowcount)
    with pytest.raises(StoreError) as raised:
        database.write(lambda db: db.execute(sql).fetchall())
    assert raised.type is error
    assert before.result() == 1
    assert len(database.rows("SELECT 1 FROM counters WHERE name = 'before'")) == 1


def test_what_is_wrong_with_the_file_is_everybodys_error(database: Database) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise ValueError("no")

    def break_down(_: sqlite3.Connection) -> None:
        raise disk_error()

    pending = [database.submit(unit) for unit in (fail, lambda db: db.execute(INSERT, ("a",)), break_down)]
    for each in pending:
        with pytest.raises(StoreError, match="disk may be full"):
            each.result()
    assert names(database) == []


def test_what_keeps_a_kept_one_from_being_written_is_said_when_it_is_tried(database: Database) -> None:
    tries: list[int] = []

    def break_down_once(_: sqlite3.Connection) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise disk_error()

    kept = database.submit(break_down_once, keep=True)
    with pytest.raises(StoreError, match="disk I/O error"):
        database.flush()
    database.flush()
    assert kept.settled


def test_one_to_keep_outlives_a_failed_commit_and_stays_first(database: Database) -> None:
    def break_down(_: sqlite3.Connection) -> None:
        raise disk_error()

    order: list[str] = []
    kept = database.submit(lambda _: order.append("kept"), keep=True)
    with pytest.raises(StoreError):
        database.write(break_down)
    assert not kept.settled
    database.write(lambda _: order.append("later"))
    assert kept.settled
    assert order[-2:] == ["kept", "later"]


def test_what_is_queued_is_written_before_the_file_is_closed(tmp_path: Path) -> None:
    database = Database(tmp_path / "closed.sqlite3")
    database.submit(lambda db: db.execute(INSERT, ("a",)))
    database.close()
    again = Database(tmp_path / "closed.sqlite3")
    assert names(again) == ["a"]
    again.close()


def test_writers_that_arrive_together_share_a_commit(database: Database) -> None:
    commits: list[int] = []
    first_is_in, go_on = threading.Event(), threading.Event()
    database.listen(lambda: commits.append(1))

    def slow(db: sqlite3.Connection) -> None:
        first_is_in.set()
        go_on.wait(5)

    leader = threading.Thread(target=database.write, args=(slow,))
    leader.start()
    first_is_in.wait(5)
    followers = [
        threading.Thread(target=database.write, args=(lambda db, n=n: db.execute(INSERT, (f"f{n}",)),))
        for n in range(5)
    ]
    for thread in followers:
        thread.start()
    while len(database._commits._queue) < 5:
        pass
    go_on.set()
    for thread in (leader, *followers):
        thread.join(5)
    assert (len(names(database)), len(commits)) == (5, 2)


def test_a_writer_behind_units_that_nobody_waits_for_is_not_forgotten(database: Database) -> None:
    first_is_in, go_on = threading.Event(), threading.Event()

    def slow(_: sqlite3.Connection) -> None:
        first_is_in.set()
        go_on.wait(5)

    leader = threading.Thread(target=database.write, args=(slow,))
    leader.start()
    first_is_in.wait(5)
    database.submit(lambda db: db.execute(INSERT, ("unattended",)))
    follower = threading.Thread(target=database.write, args=(lambda db: db.execute(INSERT, ("waiting",)),))
    follower.start()
    while len(database._commits._queue) < 2:
        pass
    go_on.set()
    for thread in (leader, follower):
        thread.join(5)
        assert not thread.is_alive()
    assert names(database) == ["unattended", "waiting"]


def test_units_are_committed_in_the_order_they_were_queued(database: Database) -> None:
    order: list[int] = []
    pending = [database.submit(lambda _, n=n: order.append(n)) for n in range(5)]
    pending[-1].result()
    assert (order, [each.settled for each in pending]) == ([0, 1, 2, 3, 4], [True] * 5)


def test_nothing_is_settled_before_its_commit(database: Database) -> None:
    pending = database.submit(lambda db: db.execute(INSERT, ("a",)))
    seen: list[bool] = []
    database.submit(lambda _: seen.append(pending.settled)).result()
    assert (seen, pending.settled) == ([False], True)


def test_a_constraint_broken_by_one_unit_is_its_own_error(database: Database) -> None:
    database.write(lambda db: db.execute(INSERT, ("a",)))
    with pytest.raises(sqlite3.IntegrityError):
        database.write(lambda db: db.execute(INSERT, ("a",)))
    database.write(lambda db: db.execute(INSERT, ("b",)))
    assert names(database) == ["a", "b"]


def test_a_writer_gives_up_when_another_process_keeps_the_gate(tmp_path: Path) -> None:
    path = tmp_path / "held.sqlite3"
    database = Database(path, gate_timeout_s=0.05)
    other = Gate(tmp_path / "held.sqlite3.lock")
    with other(until=FOREVER), pytest.raises(UnavailableError):
        database.write(lambda db: db.execute(INSERT, ("late",)))
    database.write(lambda db: db.execute(INSERT, ("in time",)))
    assert names(database) == ["in time"]
    database.close()
    other.close()


def test_a_write_that_others_refused_is_timed_and_the_time_without_one_ends_with_the_next(tmp_path: Path) -> None:
    database = Database(tmp_path / "held.sqlite3", gate_timeout_s=0)
    timed: list[float] = []
    database.time_commits(timed.append)
    assert database.unwritable_s == 0
    with held(database.path), pytest.raises(UnavailableError):
        database.write(lambda db: db.execute(INSERT, ("late",)))
    assert (len(timed), database.unwritable_s > 0) == (1, True)
    database.write(lambda db: db.execute(INSERT, ("in time",)))
    assert (len(timed), database.unwritable_s) == (2, 0)
    database.close()


def test_what_can_be_written_another_time_waits_for_nobody_and_is_not_timed(tmp_path: Path) -> None:
    database = Database(tmp_path / "held.sqlite3", gate_timeout_s=HOUR_S)
    timed: list[float] = []
    database.time_commits(timed.append)
    with ThreadPoolExecutor(1) as pool, held(database.path):
        refused = pool.submit(database.write_soon, lambda db: db.execute(INSERT, ("late",)))
        assert isinstance(refused.exception(10), UnavailableError)
    assert database.write_soon(lambda db: db.execute(INSERT, ("in time",)).rowcount) == 1
    assert (names(database), timed) == (["in time"], [])
    database.close()


def test_what_can_be_written_another_time_does_not_wait_for_one_who_waits_here_either(tmp_path: Path) -> None:
    database = Database(tmp_path / "held.sqlite3", gate_timeout_s=HOUR_S)
    queued = threading.Event()

    def run(commit: Callable[[], None]) -> None:
        queued.set()
        assert go_on.wait(10)
        commit()

    go_on = threading.Event()
    database.commit_by(run)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(database.write, lambda db: db.execute(INSERT, ("patient",)).rowcount)
        assert queued.wait(10)
        refused = pool.submit(database.write_soon, lambda db: db.execute(INSERT, ("late",)))
        assert isinstance(refused.exception(10), UnavailableError)
        go_on.set()
        assert waiting.result(10) == 1
    assert names(database) == ["patient"]
    database.close()


def test_a_unit_that_is_in_no_hurry_is_not_given_up_with_one_that_is(tmp_path: Path) -> None:
    database = Database(tmp_path / "held.sqlite3", gate_timeout_s=HOUR_S)
    patient = database.submit(lambda db: db.execute(INSERT, ("patient",)).rowcount)
    with held(database.path), pytest.raises(UnavailableError):
        database.write_soon(lambda db: db.execute(INSERT, ("late",)))
    assert patient.result() == 1
    assert names(database) == ["patient"]
    database.close()


def test_other_processes_may_write_as_soon_as_a_commit_is_on_disk(tmp_path: Path) -> None:
    database, other = (Database(tmp_path / "shared.sqlite3", gate_timeout_s=0) for _ in range(2))

    def run(commit: Callable[[], None]) -> None:
        commit()
        other.write(lambda db: db.execute(INSERT, ("meanwhile",)))

    database.commit_by(run)
    database.write(lambda db: db.execute(INSERT, ("first",)))
    assert names(database) == ["first", "meanwhile"]
    other.close()
    database.close()


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite3"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE theirs (x)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        Database(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, but long enough to have a header" * 10)
    before = path.read_bytes()
    with pytest.raises(StoreError):
        Database(path)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "newer.sqlite3"
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    newer.execute(f"PRAGMA user_version = {schema_version() + 1}")
    newer.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="schema"):
        Database(path)
    assert path.read_bytes() == before


def test_processes_that_migrate_at_once_all_find_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "race.sqlite3"
    program = (
        "import sys; from pathlib import Path; from gepa_next.store.database import Database;"
        "print(Database(Path(sys.argv[1]), gate_timeout_s=30).rows('PRAGMA user_version')[0][0])"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [racer.communicate(timeout=30)[0].strip() for racer in racers]
    assert said == [str(schema_version())] * 4


def test_a_new_database_is_private_and_so_is_what_lies_beside_it(tmp_path: Path) -> None:
    usual = os.umask(0)
    try:
        database = Database(tmp_path / "new" / "x.sqlite3")
        lock = RunnerLock(database.path, "one")
        found = {each.name: oct(each.stat().st_mode & 0o777) for each in database.path.parent.iterdir()}
        lock.close()
        database.close()
    finally:
        os.umask(usual)
    assert oct((tmp_path / "new").stat().st_mode & 0o777) == "0o700"
    assert len(found) == 5
    assert set(found.values()) == {"0o600"}, found
