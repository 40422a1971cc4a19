"""The units, the environment and the image that are shipped name things that exist."""

import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gepa_next.app import create_app
from gepa_next.cli.command import parser
from gepa_next.config import Settings
from gepa_next.store.jobs import find_job, get_job
from gepa_next.store.requests import cancel_job
from tests.e2e.processes import SERVE, TIMEOUT_S, environment, start
from tests.support.service import Service, settings_for

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
UNITS = ("gepa-next.service", "gepa-next-worker@.service")
WORK = [sys.executable, "-m", "gepa_next", "worker"]
ANALYZE = shutil.which("systemd-analyze")
EXPOSED = 2.0  # of 10: what systemd calls OK is below 5


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def ran(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT_S, **options)


def variables(lines: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", lines, re.MULTILINE))


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", [*UNITS, "gepa-next-night.service"])
def test_systemd_takes_the_unit_and_finds_little_exposed(tmp_path: Path, name: str) -> None:
    unit = tmp_path / name.replace("@", "@1")
    unit.write_text(text(name).replace("/opt/gepa-next/bin/gepa-next", "/bin/true"))
    taken = ran(ANALYZE, "verify", unit)
    assert not [line for line in taken.stderr.splitlines() if unit.name in line], taken.stderr
    security = ran(ANALYZE, "security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", security.stdout)
    assert found, security.stderr
    assert float(found[1]) < EXPOSED


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_timer_and_knows_when_it_is_due(tmp_path: Path) -> None:
    for name in ("gepa-next-night.timer", "gepa-next-night.service"):
        (tmp_path / name).write_text(text(name).replace("/opt/gepa-next/bin/gepa-next", "/bin/true"))
    taken = ran(ANALYZE, "verify", tmp_path / "gepa-next-night.timer")
    assert not [line for line in taken.stderr.splitlines() if "gepa-next-night" in line], taken.stderr
    due = re.search(r"^OnCalendar=(.*)$", text("gepa-next-night.timer"), re.MULTILINE)
    assert due
    assert ran(ANALYZE, "calendar", due[1]).returncode == 0


def test_a_night_leaves_eight_backups_and_no_old_jobs(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, database_path=tmp_path / "gepa_next.sqlite3")
    service = Service(settings, create_app(settings))
    old, young = service.create(), service.create()
    for job_id, now in ((old, 1.0), (young, time.time())):
        cancel_job(service.database, job_id, token_id=get_job(service.database, job_id).token_id, now=now)
    kept = [tmp_path / "backups" / f"2026-01-0{number}-030000-night.sqlite3" for number in range(1, 10)]
    others = [tmp_path / "backups" / "before-upgrade.sqlite3", tmp_path / "backups" / "2025-01-01-120000.sqlite3"]
    (tmp_path / "backups").mkdir()
    for path in (*kept, *others, kept[0].with_name("2026-01-01-030000-night.sqlite3.part")):
        path.touch()
    for command in re.findall(r"^ExecStart=(.*)$", text("gepa-next-night.service"), re.MULTILINE):
        ours = command.replace("/opt/gepa-next/bin/gepa-next", f"{sys.executable} -m gepa_next")
        words = shlex.split(ours.replace("/var/lib/gepa-next", str(tmp_path)).replace("%%", "%"))
        done = ran(*words, env={**environment(tmp_path), "DATABASE_PATH": str(settings.database_path)})
        assert done.returncode == 0, done.stderr
    assert find_job(service.database, old) is None
    assert find_job(service.database, young) is not None
    service.close()
    found = sorted((tmp_path / "backups").iterdir())
    (made,) = set(found) - {*others, *kept}
    assert found == sorted([*others, *kept[-7:], made])
    with closing(sqlite3.connect(made)) as copy:
        assert copy.execute("SELECT count(*) FROM jobs").fetchone() == (2,)


@pytest.mark.parametrize("name", UNITS)
def test_the_command_of_the_unit_is_one_of_ours(name: str) -> None:
    command = re.search(r"^ExecStart=/opt/gepa-next/bin/gepa-next (.*)$", text(name), re.MULTILINE)
    assert command
    assert callable(parser().parse_args(command[1].split()).run)


def test_the_environment_is_one_that_the_server_starts_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    given = variables(text("gepa-next.env").replace("sk-or-replace-me", "sk-or-1"))
    assert set(given) <= {name.upper() for name in Settings.model_fields}
    settings = Settings(_env_file=None, **{name.lower(): value for name, value in given.items()})
    assert settings.require_auth
    assert settings.trusted_proxies == 1
    assert 0 < settings.owner_max_jobs < settings.max_queued_jobs
    assert 0 < settings.owner_max_streams < settings.max_sse_clients
    assert 0 not in {settings.owner_max_examples, settings.owner_max_stored_mb}


def test_the_image_names_settings_and_commands_that_exist() -> None:
    image = text("Dockerfile")
    named = re.findall(r"([A-Z_]+)=", re.search(r"^ENV (.*)$", image, re.MULTILINE)[1])
    assert set(named) - {"PYTHONDONTWRITEBYTECODE"} <= {name.upper() for name in Settings.model_fields}
    assert callable(parser().parse_args(re.findall(r'"(\w+)"', image.rpartition("CMD")[2])).run)
    copied = [line[1:] for line in text("Dockerfile.dockerignore").splitlines() if line.startswith("!")]
    assert all((DEPLOY.parents[1] / each).exists() for each in copied)


def test_the_image_finds_a_server_healthy_that_is_ready(tmp_path: Path) -> None:
    check = re.search(r'HEALTHCHECK .*\\\s+"(.*)"\]', text("Dockerfile"))[1].replace('\\"', '"')
    server = start(SERVE, tmp_path)
    try:
        port = server.url.rpartition(":")[2]
        assert ran(sys.executable, "-c", check, env={"PORT": port}).returncode == 0
    finally:
        server.stop()
    assert ran(sys.executable, "-c", check, env={"PORT": port}).returncode == 1


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens at."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(TIMEOUT_S)
        yield listening


@pytest.mark.parametrize("command", [SERVE, WORK], ids=["server", "worker"])
def test_systemd_is_told_when_the_service_is_ready(tmp_path: Path, manager: socket.socket, command: list[str]) -> None:
    variables = environment(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"))
    with subprocess.Popen(
        command, env=variables, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert manager.recv(1000).startswith(b"READY=1")
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)
