"""Every line of docs/backup.md, run: systemctl and pip are the test's, who is root is nobody's business."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests

from tests.docs.pages import ADDRESS, fenced, page
from tests.e2e.conftest import Provider
from tests.e2e.processes import AUTHORIZED, ROOT, SERVE, TIMEOUT_S, Server, start, wait_for

BACK_UP, RESTORE, UPGRADE, GO_BACK = fenced(page("backup.md"), "sh")
PATHS = {"/opt/gepa-next/bin/": "", "/var/lib/gepa-next": "$FOLDER", "gepa_next.sqlite3": "e2e.sqlite3"}
PRELUDE = f"""
exec 3>&1 1>&2
gepa-next() {{ {sys.executable} -m gepa_next "$@"; }}
runuser() {{ shift 3; "$@"; }}
systemctl() {{ echo "$*" >&3; read -r ADDRESS; }}
pip() {{ echo "$@" >&3; read -r PYTHONPATH; export PYTHONPATH; }}
"""
KEPT = {
    "calls": "SELECT * FROM calls WHERE status = 'done' ORDER BY job_id, key, request_sha256",
    "events": "SELECT job_id, id, key, type, ts, data FROM events ORDER BY job_id, id",
    "rollouts": "SELECT * FROM rollouts ORDER BY job_id, event_id, position",
}


class Machine:
    """A box with the service installed: what root's commands reach."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder, self._variables = folder, {**variables, "PYTHONPATH": str(ROOT)}
        self.server = self._start()

    def _start(self) -> Server:
        return start(SERVE, self.folder, **self._variables)

    def systemctl_stop_gepa_next(self) -> str:
        self.server.stop()
        return ""

    def systemctl_start_gepa_next(self) -> str:
        self.server = self._start()
        return self.server.url

    def install(self, version: Path) -> str:
        self._variables["PYTHONPATH"] = str(version)
        return str(version)

    def new_version(self) -> Path:
        """Return a version with one migration more."""
        version = self.folder / "new"
        shutil.copytree(ROOT / "gepa_next", version / "gepa_next", ignore=shutil.ignore_patterns("__pycache__"))
        migration = version / "gepa_next" / "store" / "migrations" / "0002_more.sql"
        migration.write_text("CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;\n", encoding="utf-8")
        return version

    def run(self, block: str) -> None:
        """Run a block of the page as it stands, but for paths."""
        script = block.replace(ADDRESS, "$ADDRESS")
        for written, ours in PATHS.items():
            script = script.replace(written, ours)
        with subprocess.Popen(
            ["bash", "-eu", "-c", PRELUDE + script],  # noqa: S607 - whichever bash there is
            cwd=self.folder,
            env={**self._variables, "FOLDER": str(self.folder), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as shell:
            too_long = threading.Timer(2 * TIMEOUT_S, shell.kill)
            too_long.start()
            try:
                self._serve(shell)
                assert shell.wait(TIMEOUT_S) == 0
            finally:
                too_long.cancel()

    def _serve(self, shell: subprocess.Popen[str]) -> None:
        answers: dict[str, Callable[[], str]] = {
            "stop gepa-next": self.systemctl_stop_gepa_next,
            "start gepa-next": self.systemctl_start_gepa_next,
            "install --force-reinstall new/gepa_next-*.whl": lambda: self.install(self.new_version()),
            "install --force-reinstall old/gepa_next-*.whl": lambda: self.install(ROOT),
        }
        assert shell.stdin is not None
        for line in shell.stdout or ():
            print(answers[line.strip()](), file=shell.stdin, flush=True)


@pytest.fixture
def machine(tmp_path: Path, provider: Provider) -> Iterator[Machine]:
    made = Machine(tmp_path, provider.variables)
    yield made
    made.server.stop()


def kept_in(database: Path | str) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {name: connection.execute(sql).fetchall() for name, sql in KEPT.items()}


def job_under_way(server: Server, provider: Provider) -> str:
    """Return a job with a past and with calls in flight."""
    provider.open_gate()
    job_id = server.create(iterations=100)
    wait_for(lambda: server.state(job_id)["iteration"] >= 1)
    provider.shut_gate()
    provider.wait_for_calls()
    return job_id


def test_a_job_of_a_backup_goes_on_after_a_restore_and_nothing_in_it_is_lost_or_bought_again(
    machine: Machine, provider: Provider
) -> None:
    job_id = job_under_way(machine.server, provider)
    machine.run(BACK_UP)
    backup = kept_in(*(machine.folder / "backups").iterdir())
    assert backup["calls"]
    requests.delete(f"{machine.server.url}/v1/optimize/{job_id}", headers=AUTHORIZED, timeout=TIMEOUT_S)
    machine.run(RESTORE)
    server = machine.server
    provider.open_gate()
    requests.post(f"{server.url}/v1/optimize/{job_id}/stop", headers=AUTHORIZED, timeout=TIMEOUT_S)
    events = server.events(job_id)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert "resumed" in [event.type for event in events]
    assert events[-1].type == "finished"
    for name, found in kept_in(server.database).items():
        assert set(backup[name]) <= set(found), name


def test_an_upgrade_brings_the_schema_and_goes_back_to_what_was_before(machine: Machine) -> None:
    before = machine.server.get("/v1/optimize").json()
    machine.run(UPGRADE)
    assert tables(machine.server) >= {"more"}
    machine.systemctl_stop_gepa_next()
    machine.install(ROOT)
    with suppress(AssertionError, requests.ConnectionError):
        machine.systemctl_start_gepa_next()
    assert "the database has schema 2; this version knows 1" in machine.server.log.read_text()
    machine.run(GO_BACK)
    assert "more" not in tables(machine.server)
    assert machine.server.get("/v1/optimize").json() == before


def tables(server: Server) -> set[str]:
    with closing(sqlite3.connect(server.database)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
