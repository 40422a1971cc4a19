"""Where threads are greenlets, a commit that waits for the disk holds up nobody."""

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

from gepa_next.serving.worker import WebWorker
from tests.support.service import open_service

START = """
from gevent import monkey; monkey.patch_all()
import os, sqlite3, sys, threading, time
from pathlib import Path
from gepa_next.serving.aside import Aside
from gepa_next.errors import StoreError
from gepa_next.store.database import Database

INSERT = "INSERT INTO counters (name, labels, value) VALUES (?, '{}', 1)"
database, aside = Database(Path(sys.argv[1])), Aside()

def write(name):
    database.write(lambda db: db.execute(INSERT, (name,)))

def names():
    return len(database.rows("SELECT name FROM counters"))
"""
SHARED = """
disk, go_on = os.pipe()
commits = []
database.listen(lambda: commits.append(1))
database.commit_by(lambda commit: aside(lambda: (os.read(disk, 1), commit())))
writers = [threading.Thread(target=write, args=(str(number),)) for number in range(9)]
for each in writers:
    each.start()
while len(database._commits._queue) < 8:
    time.sleep(0.001)
print(names(), len(commits))
os.write(go_on, b"12")
for each in writers:
    each.join()
print(names(), len(commits))
"""
FAILED = """
def fail():
    raise sqlite3.OperationalError("disk I/O error")

database.commit_by(lambda commit: aside(fail))
try:
    write("lost")
except StoreError as error:
    print(error.code)
database.commit_by(aside)
write("kept")
print(names())
"""


def said_by(script: str, folder: Path) -> str:
    command = [sys.executable, "-c", START + script, str(folder / "test.sqlite3")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_writers_that_come_while_the_disk_is_waited_for_share_a_commit(tmp_path: Path) -> None:
    assert said_by(SHARED, tmp_path) == "0 0\n9 2\n"


def test_a_commit_that_fails_is_its_writer_s_error_and_no_one_else_s(tmp_path: Path) -> None:
    assert said_by(FAILED, tmp_path) == "store_unavailable\n1\n"


def test_the_web_process_commits_in_another_thread(tmp_path: Path) -> None:
    service = open_service(tmp_path)
    worker = WebWorker.__new__(WebWorker)
    worker.app = SimpleNamespace(wsgi=lambda: service.app)
    worker.load_wsgi()
    done: list[tuple[str, bool]] = []

    def unit(db):
        db.set_trace_callback(lambda sql: done.append((sql.split()[0], threading.current_thread() is main)))
        db.execute("DELETE FROM counters")

    main = threading.current_thread()
    service.database.write(unit)
    service.close()
    assert done == [("DELETE", True), ("COMMIT", False)]
